import type { IDataObject } from 'n8n-workflow';

import { checkField, FIELDS, type Generation } from './fields';

/** What a person entered for a generation, untrusted, in the node's names. */
export interface Entered {
	operation: Generation;
	/** For `textTo3d`. */
	prompt?: string;
	/** The settings that were added, by name. */
	settings: IDataObject;
	/** `undefined`: not added, not sent. Empty: sent as `null`. */
	webhookUrl?: string;
	trackId?: string;
}

/** A setting that cannot be sent, and why. */
export interface FieldProblem {
	displayName: string;
	entered: unknown;
	problem: string;
}

/**
 * The JSON body of a submit, without the key and without the image's link, which may first have to be made.
 *
 * @returns the body, or the first setting that cannot be sent
 */
export function generationBody(entered: Entered): { body: IDataObject } | FieldProblem {
	const body: IDataObject = {};
	if (entered.prompt !== undefined) body.prompt = entered.prompt;
	for (const field of FIELDS) {
		const value = entered.settings[field.name];
		if (!(field.name in entered.settings) || !field.operations.includes(entered.operation)) continue;
		const checked = checkField(field, value);
		if ('problem' in checked) {
			return { displayName: field.displayName, entered: value, problem: checked.problem };
		}
		body[field.bodyName] = checked.value;
	}
	if (entered.webhookUrl !== undefined) body.webhook = entered.webhookUrl || null;
	if (entered.trackId !== undefined) body.track_id = entered.trackId || null;
	return { body };
}
