import type { IWebhookFunctions } from 'n8n-workflow';

import { API_VERSIONS, type ApiVersion } from '../api/fields';
import { Form } from '../parameters/form';
import { NUMERIC_OPTIONS } from '../parameters/options';
import { OUTPUT_MODES, type Delivery } from '../request';

const EVENTS = ['success', 'failed'] as const;
const VERIFICATIONS = ['api', 'none'] as const;

/** What the person set on the trigger, checked. */
export interface TriggerSettings {
	events: readonly string[];
	apiVersion: ApiVersion;
	/** Only calls with this track ID, or with one that begins like it when it ends in `*`; empty: all. */
	trackId: string;
	/** `api`: the job is asked for. `none`: the call is believed. */
	verify: (typeof VERIFICATIONS)[number];
	ignoreDuplicates: boolean;
	delivery: Delivery;
}

/** @throws NodeOperationError that names the field, what was entered and what is allowed */
export function readTrigger(context: IWebhookFunctions): TriggerSettings {
	const form = new Form(context, (name) => context.getNodeParameter(name, null));
	const verify = form.readChoice('verify', 'Verify', VERIFICATIONS);
	const download = form.readBoolean('download', 'Download Output Files');
	return {
		events: form.readChoices('events', 'Events', EVENTS),
		// Not shown, and so not there, when the API is not asked.
		apiVersion:
			verify === 'api' ? form.readChoice('apiVersion', 'API Version', API_VERSIONS) : API_VERSIONS[0],
		trackId: form.readText('trackId', 'Track ID'),
		verify,
		ignoreDuplicates: form.readBoolean('ignoreDuplicates', 'Ignore Duplicates'),
		delivery: {
			download,
			outputBinaryPropertyName: download
				? form.readRequiredText('outputBinaryPropertyName', 'Put Output File in Field')
				: '',
			outputMode: form.readChoice('outputMode', 'Output', OUTPUT_MODES),
			timeoutMs: NUMERIC_OPTIONS.timeout.default * 1000,
			maxFileBytes: NUMERIC_OPTIONS.maxFileSize.default * 1024 * 1024,
		},
	};
}
