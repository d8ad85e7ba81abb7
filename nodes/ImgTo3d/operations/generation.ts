/** What the operations that make something have in common. They are paid for. */
import { NodeOperationError, type GenericValue, type IExecuteFunctions } from 'n8n-workflow';

import { buildBody } from '../api/body';
import { OUTPUT_FORMAT } from '../api/fields';
import type { Service } from '../api/service';
import { quote } from '../api/words';
import type { AcceptedJob, KnownJob } from '../jobs/ledger';
import { pollUntilEnd } from '../jobs/poll';
import type { Run } from '../jobs/run';
import { submitOnce } from '../jobs/submit';
import { checkImage } from '../jobs/upload';
import type { Form } from '../parameters/form';
import {
	countImages,
	waitsForWebhook,
	type GenerationItem,
	type GenerationRequest,
	type ImageSource,
} from '../request';
import { toJobResult } from './job-result';
import type { CommonParameters, Operation } from './operation';

/** What an operation reads itself. */
type OwnParameters = Pick<GenerationRequest, 'operation' | 'apiVersion'> & {
	image?: ImageSource;
	prompt?: string;
};

/**
 * Reads the settings of a generation and builds the body of its submit.
 *
 * @throws NodeOperationError for a setting that the API does not take
 */
export function readGeneration(
	form: Form,
	{ waitFor, options }: CommonParameters,
	{ operation, apiVersion, image, prompt }: OwnParameters,
): GenerationRequest {
	const built = buildBody({
		apiVersion,
		operation,
		prompt,
		settings: {
			...form.readCollection('settings'),
			[OUTPUT_FORMAT.name]: form.getValue(OUTPUT_FORMAT.name) as GenericValue,
		},
		...(image && { imageCount: countImages(image) }),
		// A suspended execution is called at its own address.
		...(waitFor !== 'webhook' && { webhookUrl: form.readOptionUrl(options, 'webhookUrl', 'Webhook URL') }),
		trackId: form.readOptionText(options, 'trackId', 'Track ID'),
	});
	if ('problem' in built) {
		const { displayName, entered, problem } = built;
		throw 'entered' in built
			? form.createError(displayName, entered, problem)
			: form.createRuleError(displayName, problem);
	}
	return { operation, apiVersion, ...(image && { image }), body: built.body };
}

/** Checks an item's image files, and whether the service can reach the person's own webhook. */
async function checkGeneration(
	context: IExecuteFunctions,
	service: Service,
	{ itemIndex, work }: GenerationItem,
): Promise<void> {
	if (work.image?.from === 'binary') {
		for (const property of work.image.properties) await checkImage(context, itemIndex, property);
	}
	const { webhook } = work.body;
	if (typeof webhook !== 'string' || service.canReach(new URL(webhook).hostname)) return;
	throw new NodeOperationError(
		context.getNode(),
		`The service cannot call Webhook URL: ${quote(webhook)} is not on the open internet`,
		{
			itemIndex,
			description:
				'Enter an address that can be reached from the internet. The addresses that n8n shows for its triggers begin with the value of the environment variable WEBHOOK_URL. Nothing was submitted for this item.',
		},
	);
}

/** How an operation that makes something does it: it submits the item once and waits as the item wants. */
export const generation: Pick<Operation<GenerationRequest>, 'check' | 'perform'> = {
	check: checkGeneration,

	async perform(run, item, release) {
		const accepted = await submitOnce(run, item);
		return toJobResult(run, item, await waitForJob(run, item, accepted, release));
	},
};

async function waitForJob(
	run: Run,
	item: GenerationItem,
	accepted: AcceptedJob,
	release: () => void,
): Promise<KnownJob> {
	const { id } = accepted.known.job;
	// A job without an ID cannot be polled.
	if (item.waitFor === 'none' || id === undefined) return accepted.known;
	const suspension = waitsForWebhook(item) ? run.suspension : undefined;
	suspension?.markReady(item.itemIndex);
	return await pollUntilEnd(run, item, id, { accepted, maySuspend: suspension?.nothingElseToDo, release });
}
