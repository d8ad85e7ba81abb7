/** Does what n8n's server does for the Test button of a credential, with n8n-core's own routing node. */
import { ExecuteContext, RoutingNode } from 'n8n-core';
import {
	createEmptyRunExecutionData,
	NodeConnectionTypes,
	Workflow,
	type ICredentialsDecrypted,
	type ICredentialTestRequest,
	type INode,
	type INodeType,
	type INodeTypes,
} from 'n8n-workflow';

import type { Engine } from './engine.cts';
import type { SavedCredential } from './credentials.cts';

export interface TestOutcome {
	status: 'OK' | 'Error';
	message: string;
}

/** Describes a node that makes the request of the test. */
function describeTestNode(type: string, { request }: ICredentialTestRequest): INodeType {
	return {
		description: {
			displayName: 'Temp',
			name: 'engine.credentialTest',
			group: [],
			version: 1,
			description: '',
			defaults: {},
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			credentials: [{ name: type, required: true }],
			properties: [{ displayName: 'Temp', name: 'temp', type: 'string', default: '', routing: { request } }],
		},
	};
}

/** Builds the context in which the only node of a workflow runs. */
function buildContext(engine: Engine, nodeType: INodeType, credential: string): ExecuteContext {
	const nodeTypes: Partial<INodeTypes> = {
		getByName: () => nodeType,
		getByNameAndVersion: () => nodeType,
		getKnownTypes: () => ({}),
	};
	const node: INode = {
		id: 'temp',
		name: 'Temp-Node',
		type: nodeType.description.name,
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
		credentials: { [credential]: { id: '1', name: 'Test' } },
	};
	const workflow = new Workflow({
		nodes: [node],
		connections: {},
		active: false,
		nodeTypes: nodeTypes as INodeTypes,
	});
	return new ExecuteContext(
		workflow,
		node,
		engine.additionalData(),
		'internal',
		createEmptyRunExecutionData(),
		0,
		[],
		{ main: [[{ json: {} }]] },
		{ node, data: {}, source: null },
		[],
	);
}

/** Runs the declarative `test` of a credential type with its saved values, and applies its rules. */
export async function testCredential(engine: Engine, { type, data }: SavedCredential): Promise<TestOutcome> {
	const test = type.test as ICredentialTestRequest;
	const nodeType = describeTestNode(type.name, test);
	const context = buildContext(engine, nodeType, type.name);
	const decrypted: ICredentialsDecrypted = { id: '1', name: 'Test', type: type.name, data };
	try {
		const [[item] = []] = (await new RoutingNode(context, nodeType, decrypted).runNode()) ?? [];
		for (const rule of test.rules ?? []) {
			if (rule.type === 'responseSuccessBody' && item?.json[rule.properties.key] === rule.properties.value) {
				return { status: 'Error', message: rule.properties.message };
			}
		}
		return { status: 'OK', message: 'Connection successful!' };
	} catch (error) {
		return { status: 'Error', message: (error as Error).message };
	}
}
