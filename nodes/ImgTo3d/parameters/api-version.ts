import type { INodeProperties } from 'n8n-workflow';

import { API_VERSIONS, DEFAULT_API_VERSION, VERSIONS, type ApiVersion } from '../api/versions';
import type { Form } from './form';

export const apiVersionProperty: INodeProperties = {
	displayName: 'Result',
	name: 'apiVersion',
	type: 'options',
	options: API_VERSIONS.map((value) => {
		const { result, description } = VERSIONS[value];
		return { name: result, value, description };
	}),
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
