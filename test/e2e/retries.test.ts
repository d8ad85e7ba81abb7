import { startWorld, type World } from '../../n8n/real/worlds.mts';
import { nameCell } from '../faults/cells.mts';
import { formatTotals, type RowResult } from '../faults/table.mts';
import { FolderNames, listRealRows, RealCells } from './cells.mts';
import { testKeyIsNowhere } from './secrets.mts';
import { say } from './suite.mts';

/** How long the cells of a version may take on a busy machine, ms. */
const LIMIT_MS = 40 * 60_000;

const VERSIONS = ['2.0.0', '2.41.1'] as const;

/** Both versions run at the same time, each on its own core if there are two. */
describe("n8n's own Retry On Fail, after each fault", () => {
	const names = VERSIONS.map(() => new FolderNames());
	const worlds: World[] = [];
	const cells: RealCells[] = [];
	const runs: Array<Promise<RowResult[]>> = [];
	let started = 0;
	beforeAll(async () => {
		for (const [index, version] of VERSIONS.entries()) {
			worlds.push(await startWorld({ version, env: names[index]?.env }));
		}
		started = performance.now();
		for (const [index, world] of worlds.entries()) {
			const own = new RealCells(world, names[index] as FolderNames);
			cells.push(own);
			runs.push(own.run(listRealRows(index, worlds.length)));
		}
	});
	afterAll(async () => {
		for (const world of worlds) await world.stop();
		for (const own of names) own.remove();
	});

	test.each([...VERSIONS.keys()].map((index) => [VERSIONS[index], index] as const))(
		'n8n %s pays nothing twice, and reports the ID of each job',
		async (version, index) => {
			const results = (await runs[index]) ?? [];
			const { cpuSeconds } = (worlds[index] as World).main.program;
			const lines = formatTotals(results, (performance.now() - started) / 1000);
			const cost = `n8n took ${Math.round(cpuSeconds)} s of processor time`;
			say([`n8n ${version}, with Retry On Fail:`, ...lines, cost].join('\n'));
			const verdicts = results.flatMap((row) => row.verdicts);
			const broken = verdicts.filter(({ complaints }) => complaints.length > 0);
			expect(broken.map(({ cell, complaints }) => [nameCell(cell), ...complaints])).toEqual([]);
		},
		LIMIT_MS,
	);

	// The search comes last, because it blocks this process, which also has the services.
	describe.each([...VERSIONS.keys()].map((index) => [VERSIONS[index], index] as const))(
		'n8n %s',
		(_version, index) => {
			testKeyIsNowhere(
				() => worlds[index] as World,
				() => ({ requests: cells[index]?.requests }),
			);
		},
	);
});
