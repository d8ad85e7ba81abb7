import type { ICredentialDataDecryptedObject, IWebhookFunctions } from 'n8n-workflow';

import type { Connection } from '../api/connection';
import { openService, readCredential } from '../api/service';
import type { Clock } from '../async/clock';
import { Semaphore } from '../async/semaphore';

/**
 * The most credentials that are read at the same time. n8n has few connections to its database: two for PostgreSQL by
 * default. Whatever waits too long for a connection gets an error, so a burst of calls must not queue up for them.
 */
const MAX_READS = 2;

/** How long a credential that was read may be used where a change of it is not missed, ms. */
const RECENT_MS = 60_000;

interface Read {
	at: number;
	credential: ICredentialDataDecryptedObject;
}

/**
 * Reads credentials for webhook calls. Each read is a query, and in n8n 2.41 an expression sandbox of its own. Calls
 * about the same subject that come during a read share its result.
 */
export class CredentialReader {
	private readonly slots = new Semaphore(MAX_READS);
	private readonly reads = new Map<string, Promise<ICredentialDataDecryptedObject>>();
	/** The last reads of credentials that many calls ask for. */
	private readonly recent = new Map<string, Read>();

	/**
	 * Reads the credential, unless it was read lately.
	 *
	 * @param subject as for {@link read}
	 * @param maxAgeMs how long a change of the credential may be missed, ms
	 * @throws n8n's error when the credential cannot be read
	 */
	async readRecent(
		context: IWebhookFunctions,
		subject: string,
		clock: Clock,
		maxAgeMs = RECENT_MS,
	): Promise<ICredentialDataDecryptedObject> {
		const key = nameCredential(context, subject);
		const known = this.recent.get(key);
		if (known && clock.now() - known.at < maxAgeMs) return known.credential;
		const credential = await this.read(context, subject);
		this.recent.set(key, { at: clock.now(), credential });
		return credential;
	}

	/**
	 * @param subject what the call is about: a trigger, or a workflow with suspended executions
	 * @throws n8n's error when the credential cannot be read
	 */
	async read(context: IWebhookFunctions, subject: string): Promise<ICredentialDataDecryptedObject> {
		const key = nameCredential(context, subject);
		const current = this.reads.get(key);
		if (current) return await current;
		const read = this.slots
			.run(async () => await readCredential(context))
			.finally(() => this.reads.delete(key));
		this.reads.set(key, read);
		return await read;
	}
}

const nameCredential = (context: IWebhookFunctions, subject: string) =>
	`${subject}/${context.getNode().credentials?.stableDiffusionApi?.id}`;

/** The reader that all nodes of this process share. */
export const processCredentials = new CredentialReader();

/** The connection of a node that answers a webhook call. */
export type CallConnection = Connection & { context: IWebhookFunctions };

/**
 * Opens the service for a webhook call. n8n cannot cancel a webhook call, so its signal is never aborted.
 *
 * @throws NodeOperationError when the credential cannot be used
 */
export function openConnection(
	context: IWebhookFunctions,
	clock: Clock,
	credential: ICredentialDataDecryptedObject,
): CallConnection {
	return {
		context,
		clock,
		service: openService(context, clock, credential),
		signal: new AbortController().signal,
	};
}
