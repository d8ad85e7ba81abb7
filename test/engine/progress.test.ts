/** What a person can follow while a run goes on, and what the editor says about its costs. */
import {
	API_KEY,
	buildPromptParameters,
	makeFileItem,
	makeNumberedItems,
	makePngBase64,
	NODE,
	openRig,
	toItems,
	type Result,
	type Rig,
} from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => await rig.close());

const MANUAL = { mode: 'manual' } as const;
const ids = () => rig.service.jobs.map(({ id }) => id);
const hintsOf = ({ run }: Result) =>
	(run.data.resultData.runData[NODE]?.[0]?.hints ?? []).map(({ message }) => message);

describe("the browser's console and n8n's log", () => {
	beforeEach(() => rig.service.configure({ jobSeconds: 60 }));

	test('get the ID, the estimate and the end of a job in a manual run', async () => {
		await rig.run({ image: rig.picture, download: false }, MANUAL);
		const [id] = ids();
		expect(rig.console).toEqual([
			expect.stringMatching(`^Job ${id} accepted \\(dot\\.png\\), about \\d+ s$`),
			expect.stringMatching(`^Job ${id} done after 6\\d s$`),
		]);
		expect(rig.log).toEqual([
			expect.stringMatching(
				`^info: Image to 3D: job ${id} was accepted, about \\d+ s \\(execution \\d+, item 0\\)\\.$`,
			),
			expect.stringMatching(`^info: Image to 3D: Job ${id} done after 6\\d s \\(execution \\d+\\)\\.$`),
		]);
	});

	test('count the jobs that are done', async () => {
		await rig.run(buildPromptParameters(), { ...MANUAL, items: makeNumberedItems(3) });
		const done = rig.console.filter((line) => line.includes(' done '));
		expect(done.map((line) => line.replace(/^.*s, /, ''))).toEqual([
			'1 of 3 jobs done',
			'2 of 3 jobs done',
			'3 of 3 jobs done',
		]);
		expect(rig.console[0]).toMatch(/^Job \d+ accepted \("cup 0"\)/);
	});

	test('get two lines for each job, however long it takes', async () => {
		rig.service.configure({ jobSeconds: 1500, eta: 'missing' });
		await rig.run(buildPromptParameters(), { ...MANUAL, items: makeNumberedItems(2) });
		expect(rig.console).toHaveLength(4);
	});

	test('get a failure in its own words', async () => {
		await rig.run(buildPromptParameters({}, { timeout: 10 }), { ...MANUAL, items: makeNumberedItems(1) });
		expect(rig.console[1]).toBe(`Job ${ids()[0]}: not finished after 10 s (Timeout)`);
	});

	test('get the IDs at the moment of Stop', async () => {
		const stop = new AbortController();
		const run = rig.run(buildPromptParameters(), {
			...MANUAL,
			items: makeNumberedItems(2),
			signal: stop.signal,
		});
		await rig.clock.sleep(20_000);
		stop.abort();
		await run;
		const line = `Stopped. Get Result fetches what was accepted, without paying again: ${ids().join(', ')}`;
		expect(rig.console.at(-1)).toBe(line);
		expect(rig.log.at(-1)).toContain(line);
	});

	test('never get the key, whatever an item is called', async () => {
		await rig.run({ image: `${rig.picture}?${API_KEY}/${API_KEY}`, download: false }, MANUAL);
		await rig.run({ image: `https://example.com/${API_KEY}`, download: false }, MANUAL);
		expect([...rig.console, ...rig.log].join('\n')).not.toContain(API_KEY);
	});

	test('other runs tell the log the ID of each accepted job, and nothing else', async () => {
		await rig.run(buildPromptParameters(), { items: makeNumberedItems(2) });
		expect(rig.console).toEqual([]);
		expect(rig.log).toEqual(
			ids().map((id, item) =>
				expect.stringMatching(
					`^info: Image to 3D: job ${id} was accepted \\(execution \\d+, item ${item}\\)\\.$`,
				),
			),
		);
	});
});

describe('a hint', () => {
	test('says after a manual run that executing again pays again, and that pinning does not', async () => {
		const result = await rig.run(buildPromptParameters(), { ...MANUAL, items: makeNumberedItems(1) });
		expect(hintsOf(result)).toEqual([
			'Executing this node again pays again. Pin this output to build the next steps without paying.',
		]);
	});

	test('names Get Result where the output has files, which n8n does not pin', async () => {
		const result = await rig.run({ image: rig.picture }, MANUAL);
		expect(hintsOf(result)).toEqual([
			`Executing again pays again, and files cannot be pinned. Get Result with Job ID ${ids()[0]} fetches them free.`,
		]);
	});

	test.each([
		['a run without a person', { items: makeNumberedItems(1) }, buildPromptParameters()],
		['a run that failed', MANUAL, { prompt: 'x', operation: 'textTo3d', options: { timeout: 1 } }],
	])('about costs is not in %s', async (_name, options, parameters) => {
		rig.service.configure({ jobSeconds: 60 });
		expect(hintsOf(await rig.run(parameters, options))).toEqual([]);
	});

	test('is not about costs after Get Result', async () => {
		await rig.run(buildPromptParameters({ waitFor: 'none' }), { items: makeNumberedItems(1) });
		const result = await rig.run({ operation: 'getResult', jobId: String(ids()[0]) }, MANUAL);
		expect(result.error).toBeUndefined();
		expect(hintsOf(result)).toEqual([]);
	});

	test('says that several images became one object', async () => {
		const image = [rig.picture, `${rig.picture}?side`];
		const result = await rig.run({ image, apiVersion: 'v6', waitFor: 'none' });
		expect(hintsOf(result)).toEqual([
			'2 images became one object. For a job for each, put a Split Out node before this node.',
		]);
	});

	test('is short', async () => {
		rig.service.configure({ idFor: () => `"${'long-'.repeat(20)}"` });
		const result = await rig.run({ image: rig.picture }, MANUAL);
		const [hint = ''] = hintsOf(result);
		expect(hint).toMatch(/Get Result with the Job ID fetches/);
		expect(hint.length).toBeLessThanOrEqual(120);
	});
});

describe('the error of a manual run that leaves paid jobs', () => {
	test('names Get Result and Retry first, and warns of executing the node again', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { error } = await rig.run({ image: rig.picture, options: { timeout: 10 } }, MANUAL);
		const [id] = ids();
		expect(error?.message).toBe(`Job ${id}: not finished after 10 s (Timeout)`);
		expect(error?.description).toBe(
			`The service was still processing it. It is paid for and not lost: Get Result with Job ID ${id} fetches it without paying again. Retry in the list of executions would fetch the jobs of 1 item without paying again. Executing this node again would submit a new job and pay again.`,
		);
	});

	test('is true: Retry fetches the job without paying again', async () => {
		rig.service.configure({ jobSeconds: 60 });
		await rig.run({ image: rig.picture, download: false, options: { timeout: 50 } }, MANUAL);
		const failed = rig.engine.executions.at(-1);
		const { status } = await rig.engine.retry(failed?.id ?? '');
		expect(status).toBe('success');
		expect(ids()).toHaveLength(1);
	});

	test('of others does not mention executing it again', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { error } = await rig.run({ image: rig.picture, options: { timeout: 10 } });
		expect(error?.description).toMatch(/Retry in the list of executions would .*\.$/);
		expect(error?.description).not.toMatch(/Executing/);
	});
});

describe('an error of one of several items names it', () => {
	const run = async (parameters: object, items: object[]) =>
		(
			await rig.run(parameters as never, {
				items: items as never,
				node: { onError: 'continueRegularOutput' },
			})
		).items.map(({ json }) => json.error);

	test('by the end of its link', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const links = ['a%20b.png', 'mug.jpg?size=1/2', `${'long'.repeat(20)}.png`].map((end) => ({
			link: `${rig.service.origin}/samples/dot.png/../${end}`,
		}));
		rig.service.addFault({
			on: 'submit',
			times: Infinity,
			do: { kind: 'answer', body: { status: 'error', message: 'no' } },
		});
		expect(await run({ image: '={{ $json.link }}' }, toItems(...links))).toEqual([
			'a b.png: The service refused the call: no',
			'mug.jpg: The service refused the call: no',
			`${'long'.repeat(10).slice(0, 37)}...: The service refused the call: no`,
		]);
	});

	test('behind its job', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const errors = await run(buildPromptParameters({}, { timeout: 5 }), makeNumberedItems(2));
		expect(errors).toEqual(ids().map((id, n) => `Job ${id} ("cup ${n}"): not finished after 5 s (Timeout)`));
	});

	test('by its file, also where the file is what is wrong', async () => {
		const file = makeFileItem(await makePngBase64(), 'image/png', 'front.png');
		const text = makeFileItem(Buffer.from('text').toString('base64'), 'text/plain', 'notes.txt');
		rig.service.addFault({ on: 'upload', do: { kind: 'answer', body: { status: 'error', message: 'no' } } });
		expect(await run({ imageSource: 'binary' }, [file, text])).toEqual([
			'front.png: The image could not be uploaded: the service refused the call: no',
			expect.stringMatching(/^notes\.txt: The file in the binary field "data" \(notes\.txt\) is a text/),
		]);
	});

	test('also where another parameter is wrong', async () => {
		const parameters = { image: '={{ $json.link }}', settings: { steps: '={{ $json.steps }}' } };
		const items = [
			{ link: 'https://example.com/a.png', steps: 70 },
			{ link: 'https://example.com/b.png', steps: 80 },
		];
		expect(await run(parameters, toItems(...items))).toEqual([
			'a.png: Steps must be an integer from 1 to 64, but is 70',
			'b.png: Steps must be an integer from 1 to 64, but is 80',
		]);
	});

	test('but not where there is one item', async () => {
		const [error] = await run({ image: 'https://example.com/a.png', settings: { steps: 70 } }, toItems({}));
		expect(error).toBe('Steps must be an integer from 1 to 64, but is 70');
	});
});
