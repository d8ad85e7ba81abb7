import type { IDataObject } from 'n8n-workflow';

import { readAdditionalFields } from './additional-fields';
import { checkField } from './check-field';
import { FIELDS, isTaken, toBodyName, type Field } from './fields';
import { isEmpty } from './values';
import { VERSIONS, type ApiVersion, type Generation } from './versions';

/** What a person has entered for a generation: unchecked, and with the node's names. */
export interface Entered {
	apiVersion: ApiVersion;
	operation: Generation;
	/** For `textTo3d`. */
	prompt?: string;
	/** For `imageTo3d`: how many images there are. */
	imageCount?: number;
	/** The settings that were added, by name, and the output format. */
	settings: IDataObject;
	/** `undefined` if not added: not sent. Empty: sent as `null`. */
	webhookUrl?: string;
	trackId?: string;
}

/** A setting that cannot be sent, and why. */
export interface FieldProblem {
	displayName: string;
	/** Absent if it must not be quoted. */
	entered?: unknown;
	/** To follow the setting's name: "must be ...". */
	problem: string;
}

/**
 * Builds the JSON body of a submit, without the key, and without the links to the images, which may have to be uploaded.
 *
 * @returns the body, or the first setting that cannot be sent
 */
export function buildBody(entered: Entered): { body: IDataObject } | FieldProblem {
	const { apiVersion, operation, settings, imageCount = 0 } = entered;
	const additional = readAdditionalFields(settings.additionalFields, apiVersion, operation);
	if ('problem' in additional) return { displayName: 'Additional Fields', ...additional };
	const body: IDataObject = { ...additional.fields };
	if (entered.prompt !== undefined) body.prompt = entered.prompt;
	for (const field of FIELDS) {
		if (!isTaken(field, apiVersion, operation) || !isEntered(field, settings)) continue;
		const value = settings[field.name];
		const checked = checkField(field, value);
		if ('problem' in checked) {
			return { displayName: field.displayName, entered: value, problem: checked.problem };
		}
		body[toBodyName(field)] = checked.value;
	}
	const problem = imageCount > 1 ? allowSeveralImages(body, apiVersion) : undefined;
	if (problem) return problem;
	if (entered.webhookUrl !== undefined) body.webhook = entered.webhookUrl || null;
	if (entered.trackId !== undefined) body.track_id = entered.trackId || null;
	return { body };
}

/** An empty cell counts as a setting that was not added. An empty seed or text has a meaning. */
function isEntered({ kind, name }: Field, settings: IDataObject): boolean {
	if (kind === 'seed') return name in settings;
	return kind === 'text'
		? typeof settings[name] === 'string' || !isEmpty(settings[name])
		: !isEmpty(settings[name]);
}

/** Adds the switch that several images need. @returns the problem if the settings turn it off */
function allowSeveralImages(body: IDataObject, apiVersion: ApiVersion): FieldProblem | undefined {
	const { switch: name } = VERSIONS[apiVersion].images;
	const field = FIELDS.find((entry) => entry.name === name && entry.versions.includes(apiVersion));
	if (!field) return undefined;
	if (body[toBodyName(field)] === false) {
		return { displayName: field.displayName, entered: false, problem: 'must be on for several images' };
	}
	body[toBodyName(field)] = true;
	return undefined;
}
