/** Does what n8n's server does for the Test button of a credential that a node tests, with n8n-core's own context. */
import { CredentialTestContext } from 'n8n-core';
import type { ICredentialTestFunction, INodeCredentialTestResult, INodeType } from 'n8n-workflow';

import type { SavedCredential } from './credentials.cts';

/** Runs the test of the first node that has one for this type of credential, with its saved values. */
export async function testCredential(
	nodes: readonly INodeType[],
	{ type, data }: SavedCredential,
): Promise<INodeCredentialTestResult> {
	const { name } = type;
	const test = nodes
		.map(({ description, methods }) => {
			const testedBy = description.credentials?.find((one) => one.name === name)?.testedBy;
			return methods?.credentialTest?.[String(testedBy)];
		})
		.find((one): one is ICredentialTestFunction => one !== undefined);
	if (!test) throw new Error(`No node tests credentials of the type "${name}".`);
	return await test.call(new CredentialTestContext(), { id: '1', name: 'Test', type: name, data });
}
