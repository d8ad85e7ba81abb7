import { NodeHelpers, type IDataObject, type INode, type INodeExecutionData } from 'n8n-workflow';

import { BEFORE, makeEngineToolCaller, makeToolCaller } from '../../n8n/engine/tool-call.cts';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { toToolItem } from '../../nodes/ImgTo3d/output/tool-item';
import { API_KEY, buildWorkflow, makeFileItem, makePngBase64, openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10 });
});
afterEach(async () => {
	await rig.close();
});

/** The node as a tool. The agent selects the image. */
const tool = (parameters: INode['parameters'] = {}, more: Partial<INode> = {}): INode =>
	buildWorkflow(
		{
			operation: 'imageTo3d',
			image: "={{ $fromAI('image') }}",
			download: false,
			options: { timeout: 60 },
			...parameters,
		},
		{ type: 'n8n-nodes-img-to-3d.imgTo3dTool', ...more },
	).nodes[1] as INode;

const RETRIED = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };

/** A tool that is given a file by an expression. */
const FILE = {
	imageSource: 'binary',
	binaryPropertyName: `={{ $('${BEFORE}').item.binary.data }}`,
};

const failJob = () => rig.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });

/** What the payload of a signed link says. */
const readToken = (url: unknown) => {
	const [, payload = ''] = (new URL(String(url)).searchParams.get('token') ?? '').split('.');
	return JSON.parse(Buffer.from(payload, 'base64url').toString()) as { id: string; iat: number; exp: number };
};

describe.each([
	['runs its tools itself', makeToolCaller],
	['has n8n run its tools', makeEngineToolCaller],
])('an agent that %s', (_name, makeCaller) => {
	const call = async (
		node: INode,
		args: IDataObject = { image: rig.picture },
		items?: INodeExecutionData[],
	) => await makeCaller(rig.engine, node, items)(args);

	test('reads the finished job', async () => {
		const answer = await call(tool());
		expect(answer).toEqual([
			expect.objectContaining({
				id: rig.service.jobs[0]?.id,
				status: 'success',
				output: rig.service.jobs[0]?.outputs,
			}),
		]);
		expect(rig.service.jobs[0]?.params).toMatchObject({ image: rig.picture });
	});

	test('gets a new job with each call, also with the same arguments', async () => {
		const caller = makeCaller(rig.engine, tool());
		await caller({ image: rig.picture });
		await caller({ image: rig.picture });
		expect(rig.service.jobs).toHaveLength(2);
	});

	test('gets a link to each stored file, which lives a week', async () => {
		const [answer] = (await call(tool({ download: true }))) as IDataObject[];
		expect(answer).toMatchObject({
			status: 'success',
			output: rig.service.jobs[0]?.outputs,
			files: [
				{
					name: expect.stringMatching(/\.gif$/),
					mimeType: 'image/gif',
					url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/rest\/binary-data\/signed\?token=/),
				},
			],
		});
		const { id, iat, exp } = readToken((answer?.files as IDataObject[])[0]?.url);
		expect(exp - iat).toBe(7 * 24 * 60 * 60);
		const stored = { json: {}, binary: { data: { id, data: 'filesystem-v2', mimeType: 'image/gif' } } };
		expect((await rig.engine.readBinary(stored, 'data')).subarray(0, 3).toString()).toBe('GIF');
		expect(JSON.stringify(answer)).not.toContain(API_KEY);
	});

	test('gets an item with its link for each file', async () => {
		const node = tool({ download: true, settings: { batchSize: 2 }, options: { outputMode: 'file' } });
		const answer = (await call(node)) as IDataObject[];
		const url = expect.stringMatching(/signed\?token=/) as string;
		expect(answer).toMatchObject([
			{ output_index: 0, files: [{ url }] },
			{ output_index: 1, files: [{ url }] },
		]);
	});

	test('reads an error as an item that names the job and says what to do', async () => {
		failJob();
		expect(await call(tool())).toEqual([
			{
				error: expect.stringMatching(/^Job \d+: the service ended the job as failed: too dark$/),
				description: expect.stringMatching(/^The job is over/),
				paid: 'yes',
				id: rig.service.jobs[0]?.id,
			},
		]);
	});

	test('reads it in the same form with each setting that continues', async () => {
		for (const onError of ['continueRegularOutput', 'continueErrorOutput'] as const) {
			failJob();
			expect(await call(tool({}, { onError }))).toEqual([
				expect.objectContaining({ error: expect.stringMatching(/too dark$/), paid: 'yes' }),
			]);
		}
	});

	test('reads what is wrong with its arguments, and nothing is submitted', async () => {
		expect(await call(tool(), { image: 'mug.jpg' })).toEqual([
			expect.objectContaining({ error: expect.stringMatching(/^Image URL must be a link/), paid: 'no' }),
		]);
		expect(rig.service.requests).toEqual([]);
	});

	test('reads that the credential is wrong', async () => {
		rig.setCredential({ apiKey: '' });
		expect(await call(tool())).toEqual([
			expect.objectContaining({ error: 'The credential has no API key', paid: 'no' }),
		]);
	});

	test('ends with the error if the node says Stop Workflow', async () => {
		failJob();
		await expect(call(tool({}, { onError: 'stopWorkflow' }))).rejects.toThrow(
			/^Job \d+: the service ended the job as failed: too dark/,
		);
	});

	test('Retry On Fail continues with the job that the failed try submitted', async () => {
		rig.service.configure({ jobSeconds: 100 });
		expect(await call(tool({}, RETRIED))).toMatchObject([{ status: 'success' }]);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('Retry On Fail submits anew what the service ended as failed', async () => {
		failJob();
		expect(await call(tool({}, RETRIED))).toMatchObject([{ status: 'success' }]);
		expect(rig.service.jobs).toHaveLength(2);
	});

	test('does not suspend: the node polls the job instead', async () => {
		expect(await call(tool({ waitFor: 'webhook' }))).toMatchObject([{ status: 'success' }]);
		expect(rig.service.jobs[0]?.webhook).toBeNull();
	});

	test("gets the job's ID and status at once with Don't Wait, and the result by it later", async () => {
		const [reference] = (await call(tool({ waitFor: 'none' }))) as IDataObject[];
		expect(reference).toMatchObject({ id: rig.service.jobs[0]?.id, status: 'processing', api_version: 'v3' });
		const get = { operation: 'getResult', jobId: "={{ $fromAI('job') }}" };
		expect(await call(tool(get), { job: reference?.id })).toMatchObject([{ status: 'success' }]);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('can have the file of an earlier node turned into 3D, by an expression', async () => {
		const png = await makePngBase64();
		const answer = await call(tool(FILE), {}, [makeFileItem(png, 'image/png', 'dot.png')]);
		expect(answer).toMatchObject([{ status: 'success' }]);
		const sent = rig.service.requests.find(({ path }) => path.endsWith('/base64_crop'))?.body;
		expect((sent as IDataObject).image).toBe(`data:image/png;base64,${png}`);
	});

	test('reads why the name of a binary field is of no use', async () => {
		const node = tool({ imageSource: 'binary' });
		const items = [makeFileItem(await makePngBase64(), 'image/png', 'dot.png')];
		expect(await call(node, {}, items)).toEqual([
			expect.objectContaining({
				error: 'An agent gives its tools no files, so there is no binary field "data"',
				description: expect.stringContaining("{{ $('Get File').item.binary.data }}"),
				paid: 'no',
			}),
		]);
	});

	test('reads what is wrong with the file', async () => {
		const items = [makeFileItem(Buffer.from('{}').toString('base64'), 'application/json', 'a.json')];
		expect(await call(tool(FILE), {}, items)).toEqual([
			expect.objectContaining({
				error: expect.stringMatching(/^The file \(a\.json\) is a JSON text, and not a JPEG/),
				paid: 'no',
			}),
		]);
		expect(rig.service.requests).toEqual([]);
	});
});

test('a file by an expression works in a workflow without an agent, also for a retried execution', async () => {
	const png = await makePngBase64();
	failJob();
	const parameters = {
		...FILE,
		operation: 'imageTo3d',
		binaryPropertyName: "={{ $('Start').item.binary.data }}",
	};
	const { error } = await rig.run(parameters, { items: [makeFileItem(png, 'image/png', 'dot.png')] });
	expect(error?.message).toMatch(/too dark$/);
	const run = await rig.engine.retry(rig.engine.executions.at(-1)?.id ?? '');
	expect(run.status).toBe('success');
	expect(rig.service.jobs).toHaveLength(2);
});

test('without a way to sign links, the files are described without them', () => {
	const createBinarySignedUrl = () => {
		throw new Error('URL signing is not available in memory mode');
	};
	const context = { helpers: { createBinarySignedUrl } } as never;
	const file = { data: 'R0lG', mimeType: 'image/gif', fileName: 'mug.gif' };
	expect(toToolItem(context, { json: { id: 1 }, binary: { data: file } })).toEqual({
		json: { id: 1, files: [{ name: 'mug.gif', mimeType: 'image/gif' }] },
	});
});

test.each([
	['imageTo3d', /^Turn an image into .*Each call is a new paid job/],
	['textTo3d', /^Make .* from a text prompt.*Each call is a new paid job/],
	['getResult', /^Get the result of .*Costs nothing/],
])('the model reads what the tool does and costs: %s', (operation, description) => {
	const asTool = { ...new ImgTo3d().description, name: 'imgTo3dTool' };
	const node = tool({ operation });
	const parameters = NodeHelpers.getNodeParameters(
		...([asTool.properties, { operation }, true, false, node, asTool] as const),
	);
	const read = NodeHelpers.getToolDescriptionForNode(
		{ ...node, parameters: parameters ?? {} },
		{ description: asTool },
	);
	expect(read).toMatch(description);
});
