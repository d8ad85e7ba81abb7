/** A workflow that people build of n8n's own nodes: submit a batch, and wait until all of its jobs have succeeded. */
import type { LocalApi } from '../local-api/index.mts';
import { API_KEY } from '../n8n/real/worlds.mts';
import { makePlainJob, SPLIT, type Arrow, type NodeSketch } from './workflows.mts';

function describeHttpRequest(name: string, url: string, body: string): NodeSketch {
	return {
		name,
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url,
			sendBody: true,
			specifyBody: 'json',
			jsonBody: body,
			options: {},
		},
	};
}

/** Whether all jobs of the batch have succeeded. */
const ALL_DONE: NodeSketch = {
	name: 'All Done?',
	type: 'n8n-nodes-base.if',
	typeVersion: 2.2,
	parameters: {
		conditions: {
			options: { caseSensitive: true, leftValue: '', typeValidation: 'strict', version: 2 },
			conditions: [
				{
					id: 'done',
					leftValue: "={{ $input.all().every((item) => item.json.status === 'success') }}",
					rightValue: '',
					operator: { type: 'boolean', operation: 'true', singleValue: true },
				},
			],
			combinator: 'and',
		},
		options: {},
	},
};

export const STOCK_ARROWS: readonly Arrow[] = [
	['Call', 'Split'],
	['Split', 'Loop Over Items'],
	['Loop Over Items', 'Results', 0],
	['Loop Over Items', 'Submit', 1],
	['Submit', 'Wait'],
	['Wait', 'Fetch'],
	['Fetch', 'All Done?'],
	['All Done?', 'Loop Over Items', 0],
	['All Done?', 'Wait', 1],
];

/** @param batchSize jobs of a batch @param waitSeconds how long the Wait node waits */
export function listStockNodes(
	{ baseUrl, origin }: LocalApi,
	batchSize: number,
	waitSeconds: number,
): NodeSketch[] {
	const key = { key: API_KEY };
	return [
		SPLIT,
		{
			name: 'Loop Over Items',
			type: 'n8n-nodes-base.splitInBatches',
			typeVersion: 3,
			parameters: { batchSize, options: {} },
		},
		describeHttpRequest(
			'Submit',
			`${baseUrl}/v3/img_to_3d`,
			`=${JSON.stringify({ ...key, ...makePlainJob(origin) })}`,
		),
		{
			name: 'Wait',
			type: 'n8n-nodes-base.wait',
			typeVersion: 1.1,
			parameters: { resume: 'timeInterval', amount: waitSeconds, unit: 'seconds' },
		},
		describeHttpRequest('Fetch', `=${baseUrl}/v3/fetch/{{ $json.id }}`, `=${JSON.stringify(key)}`),
		ALL_DONE,
		{ name: 'Results', type: 'n8n-nodes-base.noOp', typeVersion: 1, parameters: {} },
	];
}

/** A workflow that submits one job and waits for the service's call in n8n's own Wait node, which believes it. */
export function listWaitNodes({ baseUrl, origin }: LocalApi): NodeSketch[] {
	const job = JSON.stringify({ key: API_KEY, ...makePlainJob(origin) }).slice(0, -1);
	const body = `=${job},"webhook":"{{ $execution.resumeUrl }}"}`;
	return [
		describeHttpRequest('Submit', `${baseUrl}/v3/img_to_3d`, body),
		{
			name: 'Wait',
			type: 'n8n-nodes-base.wait',
			typeVersion: 1.1,
			parameters: { resume: 'webhook', httpMethod: 'POST', options: {} },
		},
	];
}
