/** Who makes a call to a trigger, as far as the call shows it. */
import type { IWebhookFunctions } from 'n8n-workflow';

import { isTriggerMark, looksLikeMark } from '../api/mark';
import { expandIpv6 } from '../api/public-address';
import { openService } from '../api/service';
import type { Clock } from '../async/clock';
import type { CredentialReader } from '../webhook/connection';
import { readMark } from '../webhook/mark';

export interface Caller {
	/** The queue in which its calls wait: one for each mark, and one for each address without a mark. */
	queue: string;
	/** Whether the call has a valid mark, so that the service makes it. Its calls go before all others. */
	isMarked: boolean;
}

/**
 * Identifies the caller. To check a mark, the credential is read once a minute at most.
 *
 * @param trackId as the call has it
 */
export async function identifyCaller(
	context: IWebhookFunctions,
	clock: Clock,
	credentials: CredentialReader,
	trigger: string,
	trackId: string | undefined,
): Promise<Caller> {
	const mark = readMark(context);
	if (looksLikeMark(mark)) {
		const credential = await credentials.readRecent(context, trigger, clock);
		const { sign } = openService(context, clock, credential);
		if (isTriggerMark(sign, mark, trackId)) return { queue: `mark ${mark}`, isMarked: true };
	}
	return { queue: readAddress(context), isMarked: false };
}

/**
 * Reads the address of a caller, so that a flood delays only the calls from its own address. Behind a proxy, n8n knows the
 * address if N8N_PROXY_HOPS gives the number of proxies.
 */
function readAddress(context: IWebhookFunctions): string {
	const { ip = '' } = context.getRequestObject() as { ip?: string };
	// One IPv6 connection has all addresses that begin with the same four groups.
	return ip.includes('.') ? ip : expandIpv6(ip).slice(0, 4).join(':');
}
