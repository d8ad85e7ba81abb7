/** What it costs to say what a mesh holds, while it is downloaded. */
import { median } from 'simple-statistics';
import { readExampleParameters } from './example.mts';
import { startMeasured, type Cost, type MeasuredProcess } from './measured-process.mts';
import { countRepeatedBytes, REPEATED_NAMES } from './repeated-files.mts';
import { startFileServer, startResponder } from './responder.mts';
import { compareWithBound, formatSpread, type Table } from './table.mts';

const MB = 1024 * 1024;

const SMALL_BYTES = 1024;
const LARGE_BYTES = 500 * MB;
const WARM_UP_BYTES = 8 * MB;
const REPETITIONS = 3;
/** The most that the resident memory may grow by, MB. */
const GROWTH_BOUND = 64;

const MESHES = REPEATED_NAMES;

/** Has a process download one file. @throws when it was not stored whole, or not described */
async function download(
	{ measure }: MeasuredProcess,
	{ baseUrl, setLink }: { baseUrl: string; setLink: (path: string) => void },
	name: string,
	bytes: number,
): Promise<Cost> {
	setLink(`${name}?bytes=${bytes}`);
	const parameters = { ...readExampleParameters(), image: 'https://example.com/mug.jpg', download: true };
	const options = { maxFileSize: 1024 };
	const cost = await measure({
		contender: 'node',
		baseUrl,
		items: 1,
		atOnce: 1,
		parameters: { ...parameters, options },
		samplesMemory: true,
	});
	const expected = countRepeatedBytes(name, bytes);
	const isDescribed = cost.described.every(({ triangles }) => typeof triangles === 'number');
	if (cost.files[0] !== expected || isDescribed === name.endsWith('.gif')) {
		throw new Error(`${name}: ${JSON.stringify(cost)} instead of ${expected} bytes.`);
	}
	return cost;
}

/** @returns for each kind of file the costs of a small and a large one */
async function measureKinds(): Promise<Map<string, { small: Cost[]; large: Cost[] }>> {
	const server = await startFileServer();
	let link = '';
	const responder = await startResponder(() => [link]);
	const target = {
		baseUrl: `${responder.origin}/api`,
		setLink: (path: string) => {
			link = `${server.origin}/${path}`;
		},
	};
	const costs = new Map(MESHES.map((name) => [name, { small: [] as Cost[], large: [] as Cost[] }]));
	try {
		for (let repetition = 0; repetition < REPETITIONS; repetition++) {
			for (const [name, { small, large }] of costs) {
				const measured = await startMeasured();
				try {
					await download(measured, target, name, WARM_UP_BYTES);
					small.push(await download(measured, target, name, SMALL_BYTES));
					large.push(await download(measured, target, name, LARGE_BYTES));
				} finally {
					await measured.stop();
				}
			}
		}
		return costs;
	} finally {
		await responder.stop();
		await server.stop();
	}
}

export async function measureMeshes(): Promise<Table> {
	const costs = await measureKinds();
	const toGrowth = ({ rssGrowth }: Cost) => rssGrowth / MB;
	const toSpeed = (name: string, { wallMs }: Cost) =>
		countRepeatedBytes(name, LARGE_BYTES) / MB / (wallMs / 1000);
	const kinds = [...costs].map(([name, { small, large }]) => ({
		name,
		growthSmall: small.map(toGrowth),
		growth: large.map(toGrowth),
		speed: large.map((cost) => toSpeed(name, cost)),
	}));
	const plain = kinds[0]?.speed ?? [];
	const write = (unit: string) => (value: number) => `${value.toFixed(0)} ${unit}`;
	return {
		question: 'What does it cost to say what a mesh holds?',
		how: `Files of ${LARGE_BYTES / MB} MB, downloaded by the node from a server in another process into n8n's storage in files, one at a time. A turntable is stored as it comes. Of a mesh, the node also counts triangles and vertices, and finds its bounds. Growth of the resident memory from before the run to its peak, sampled every 10 ms, in a process that has already downloaded such a file of ${WARM_UP_BYTES / MB} MB, and one of the least size (a part of 64 KB). ${REPETITIONS} new processes each, in turn. Median (least to most). The size of every file and that it is described are checked.`,
		columns: ['file', 'growth, small', 'growth, large', 'speed', 'compared with the turntable', 'aim', 'met'],
		rows: kinds.map(({ name, growthSmall, growth, speed }) => [
			name,
			formatSpread(growthSmall, write('MB')),
			formatSpread(growth, write('MB')),
			formatSpread(speed, write('MB/s')),
			`${(median(speed) / median(plain)).toFixed(2)} x`,
			`growth of at most ${GROWTH_BOUND} MB`,
			compareWithBound(median(growth), GROWTH_BOUND),
		]),
	};
}
