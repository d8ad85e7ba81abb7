import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';

import { API_VERSIONS, DEFAULT_API_VERSION, VERSIONS, type ApiVersion } from '../api/versions';
import type { Form } from './form';

/**
 * Sorts choices by their names, as n8n's lint wants them. Not by a locale: setting up a locale took a third of the time in
 * which Node loads the nodes.
 */
export const sortByName = (choices: readonly INodePropertyOptions[]): INodePropertyOptions[] =>
	[...choices].sort((a, b) => (a.name < b.name ? -1 : 1));

/** What a job makes. */
export const RESULTS = API_VERSIONS.map((value): INodePropertyOptions => {
	const { result, description } = VERSIONS[value];
	return { name: result, value, description };
});

export const apiVersionProperty: INodeProperties = {
	displayName: 'Result',
	name: 'apiVersion',
	type: 'options',
	options: sortByName(RESULTS),
	default: DEFAULT_API_VERSION,
	description:
		'What to make, and with which version of the API. A job is fetched with the version that it was submitted with.',
};

/** @param others further values that an operation offers */
export function readApiVersion<Other extends string = never>(
	form: Form,
	...others: Other[]
): ApiVersion | Other {
	return form.readChoice<ApiVersion | Other>(apiVersionProperty.name, apiVersionProperty.displayName, [
		...others,
		...API_VERSIONS,
	]);
}

/** Advice on the versions that the service does not document at all of its hosts. */
export const serviceAdvice = `${API_VERSIONS.map((version) => VERSIONS[version])
	.filter(({ baseUrls }) => baseUrls.length === 1)
	.map(({ name }) => name)
	.join(' and ')} are documented at ModelsLab only: select that as Service in the credential.`;
