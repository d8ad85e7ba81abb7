import type { IDataObject } from 'n8n-workflow';

import { toBodyName, checkField, FIELDS, type ApiVersion, type Generation } from './fields';

/** What a person entered for a generation, untrusted, in the node's names. */
export interface Entered {
	apiVersion: ApiVersion;
	operation: Generation;
	/** For `textTo3d`. */
	prompt?: string;
	/** For `imageTo3d`: how many images there are. */
	imageCount?: number;
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
 * The JSON body of a submit, without the key and without the images' links, which may first have to be made.
 *
 * @returns the body, or the first setting that cannot be sent
 */
export function buildBody(entered: Entered): { body: IDataObject } | FieldProblem {
	const { apiVersion, operation, settings, imageCount = 0 } = entered;
	const body: IDataObject = {};
	if (entered.prompt !== undefined) body.prompt = entered.prompt;
	for (const field of FIELDS) {
		const isTaken = field.versions.includes(apiVersion) && field.operations.includes(operation);
		if (!isTaken || !(field.name in settings)) continue;
		const value = settings[field.name];
		const checked = checkField(field, value);
		if ('problem' in checked) {
			return { displayName: field.displayName, entered: value, problem: checked.problem };
		}
		body[toBodyName(field)] = checked.value;
	}
	if (imageCount > 1) {
		if (apiVersion === 'v3') {
			return { displayName: 'API Version', entered: apiVersion, problem: 'must be v6 for several images' };
		}
		if (body.multi_image === false) {
			return { displayName: 'Multi Image', entered: false, problem: 'must be on for several images' };
		}
		body.multi_image = true;
	}
	if (entered.webhookUrl !== undefined) body.webhook = entered.webhookUrl || null;
	if (entered.trackId !== undefined) body.track_id = entered.trackId || null;
	return { body };
}

/**
 * The part of a submit's body that names the images.
 *
 * v6 calls the field `image` where it lists what is required, and `init_image` in its example, so it gets both.
 * Several images go as a list.
 *
 * @param links one or more
 */
export function buildImageBody(apiVersion: ApiVersion, links: readonly string[]): IDataObject {
	const image = links.length === 1 ? links[0] : [...links];
	if (apiVersion === 'v3') return { image };
	return { image, init_image: image };
}
