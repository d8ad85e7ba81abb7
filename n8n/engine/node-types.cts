import {
	NodeConnectionTypes,
	NodeHelpers,
	type IDataObject,
	type INodeType,
	type INodeTypeDescription,
	type INodeTypes,
	type IVersionedNodeType,
} from 'n8n-workflow';

type AnyNodeType = INodeType | IVersionedNodeType;

function describe(
	name: string,
	displayName: string,
	more: Partial<INodeTypeDescription>,
): INodeTypeDescription {
	return {
		name,
		displayName,
		group: ['input'],
		version: 1,
		description: '',
		defaults: { name: displayName },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		properties: [],
		...more,
	};
}

/** Starts a workflow with the items of the run. */
const manualTrigger: INodeType = {
	description: describe('n8n-nodes-base.manualTrigger', 'Manual Trigger', { group: ['trigger'] }),
	async execute() {
		return [this.getInputData()];
	},
};

/** A note on the canvas. It never runs. */
const stickyNote: INodeType = {
	description: describe('n8n-nodes-base.stickyNote', 'Sticky Note', { outputs: [] }),
};

/** Outputs its items, as n8n's node of that name does. */
const noOp: INodeType = {
	description: describe('n8n-nodes-base.noOp', 'No Operation', { inputs: [NodeConnectionTypes.Main] }),
	async execute() {
		return [this.getInputData()];
	},
};

/** Sends each item to one of two outputs, as n8n's node of that name does. n8n-workflow itself resolves the conditions. */
const ifNode: INodeType = {
	description: describe('n8n-nodes-base.if', 'If', {
		version: [2, 2.1, 2.2],
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main],
		properties: [
			{
				displayName: 'Conditions',
				name: 'conditions',
				type: 'filter',
				default: {},
				typeOptions: { filter: { version: 2, caseSensitive: true, typeValidation: 'strict' } },
			},
		],
	}),
	async execute() {
		const isMet = (index: number) =>
			Boolean(this.getNodeParameter('conditions', index, false, { extractValue: true }));
		const items = this.getInputData().map((item, index) => ({ ...item, pairedItem: { item: index } }));
		return [items.filter((_item, index) => isMet(index)), items.filter((_item, index) => !isMet(index))];
	},
};

/**
 * Has n8n run a tool, as n8n's AI Agent does from version 3 on, without a model: the parameters say which tool is called and
 * with what. Outputs what an agent reads.
 */
const agent: INodeType = {
	description: describe('n8n-nodes-base.toolCaller', 'Tool Caller', {
		inputs: [NodeConnectionTypes.Main],
		properties: [
			{ displayName: 'Tool', name: 'tool', type: 'string', default: '' },
			{ displayName: 'Arguments', name: 'args', type: 'json', default: {} },
		],
	}),
	async execute(response) {
		const answers = response?.actionResponses ?? [];
		if (answers.length > 0) {
			const read = answers.map(({ data }) => data.data?.ai_tool?.[0]?.map(({ json }) => json) ?? '');
			return [[{ json: { read: read as unknown as IDataObject }, pairedItem: { item: 0 } }]];
		}
		const input = this.getNodeParameter('args', 0) as IDataObject;
		const nodeName = this.getNodeParameter('tool', 0) as string;
		const call = {
			actionType: 'ExecutionNodeAction',
			type: NodeConnectionTypes.AiTool,
			id: 'call-1',
		} as const;
		return { actions: [{ ...call, nodeName, input, metadata: { itemIndex: 0 } }], metadata: {} };
	},
};

/** The node types for workflows: the given ones, and a few of n8n's own that need no server. */
export class EngineNodeTypes implements INodeTypes {
	private readonly types: Map<string, AnyNodeType>;

	constructor(types: Readonly<Record<string, AnyNodeType>>) {
		this.types = new Map(Object.entries(types));
		for (const type of [manualTrigger, stickyNote, noOp, ifNode, agent])
			this.types.set(type.description.name, type);
	}

	getByName(name: string): AnyNodeType {
		const type = this.types.get(name);
		if (!type) throw new Error(`The engine has no node type "${name}".`);
		return type;
	}

	getByNameAndVersion(name: string, version?: number): INodeType {
		return NodeHelpers.getVersionedNodeType(this.getByName(name), version);
	}

	getKnownTypes(): IDataObject {
		return {};
	}
}
