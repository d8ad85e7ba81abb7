/**
 * The crash table: what a crash of each part of n8n costs, in the middle of each step of the nodes.
 *
 * Whatever crashes, no job is paid twice. Each paid job is a result, a reference, or an ID with which Get Result can fetch
 * it. The only exception is a job whose ID had not yet reached the process that submitted it.
 */
import { type Part, PARTS, startWorld, type World, type WorldOptions } from '../../n8n/real/worlds.mts';
import { RUNS_ALL } from '../support/scope.mts';
import { crashDuring, nameScene, type Outcome, RunningScene, SCENES, type Trace } from './crash-scenes.mts';
import { say, startWorkflow, waitForResult } from './suite.mts';

/** What a person must do, by what is left of a job. */
const TO_DO: Record<Trace, string> = {
	result: 'nothing',
	reference: 'Get Result with the items',
	error: 'Get Result with the IDs in the error',
	log: "Get Result with the IDs in n8n's log",
	submitter: 'Get Result with the ID in the answer to the submit',
	nothing: 'Get Many',
};

const table: string[][] = [];
afterAll(() => {
	const rows = [
		['crash of', 'in the middle of', 'execution', 'jobs', 'what is left of them', 'to do'],
		...table,
	];
	const widths = rows[0]?.map((_cell, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
	for (const row of rows)
		say(
			row
				.map((cell, n) => cell.padEnd(widths?.[n] ?? 0))
				.join('  ')
				.trimEnd(),
		);
});

function makeRow(name: string, { scene, execution, traces }: Outcome): string[] {
	const wanted = [...new Set(traces)].filter((trace) => trace !== 'result').map((trace) => TO_DO[trace]);
	return [
		name,
		nameScene(scene),
		execution,
		String(traces.length),
		traces.join(', '),
		wanted.length > 0 ? wanted.sort().join('; ') : TO_DO.result,
	];
}

/** `submitter` is the part that runs executions. */
const WORLDS: Array<{ name: string; options: WorldOptions; parts: readonly Part[]; submitter: Part }> = [
	{
		name: 'n8n 2.41.1 in queue mode',
		options: {
			version: '2.41.1',
			queue: true,
			workers: 1,
			concurrency: 20,
			// n8n soon notices that a worker is dead.
			env: {
				QUEUE_WORKER_LOCK_DURATION: '6000',
				QUEUE_WORKER_LOCK_RENEW_TIME: '2000',
				QUEUE_WORKER_STALLED_INTERVAL: '3000',
			},
		},
		parts: PARTS,
		submitter: 'worker',
	},
	{ name: 'n8n 2.41.1 in one process', options: { version: '2.41.1' }, parts: ['main'], submitter: 'main' },
	{ name: 'n8n 2.0.0 in one process', options: { version: '2.0.0' }, parts: ['main'], submitter: 'main' },
];

/** One version is enough for a crash of the only process, and a Redis that loses its data for a crash of Redis. */
const LANDING_WORLDS = WORLDS.filter(({ options }) => options.version === '2.41.1').map((world) => ({
	...world,
	parts: world.parts.filter((part) => part !== 'redis'),
}));

describe.each(RUNS_ALL ? WORLDS : LANDING_WORLDS)(
	'$name, when it crashes:',
	({ name, options, parts, submitter }) => {
		let world: World;
		beforeAll(async () => {
			world = await startWorld(options);
		});
		afterAll(async () => {
			await world?.stop();
		});

		test.each(parts)('%s', async (part) => {
			const scenes = await Promise.all(SCENES.map(async (scene) => await RunningScene.open(world, scene)));
			try {
				const outcomes = await crashDuring(world, part, scenes);
				table.push(...outcomes.map((outcome) => makeRow(`${part} (${name})`, outcome)));
				const results = outcomes.map(({ scene, traces, isOpen }) => ({
					scene: nameScene(scene),
					paid: traces.length,
					lost: traces.filter((trace) => trace === 'nothing').length,
					isOpen,
				}));
				expect(results).toEqual(
					outcomes.map(({ scene, expectedJobs }) => ({
						scene: nameScene(scene),
						paid: expectedJobs,
						// The process crashed before it had the answer to its submit.
						lost: part === submitter && scene.moment === 'submit' ? 1 : 0,
						isOpen: false,
					})),
				);
				const fetched = await Promise.all(
					outcomes.map(async ({ ids }, n) => ids.length === 0 || (await scenes[n]?.canFetch(ids))),
				);
				expect(fetched).toEqual(outcomes.map(() => true));
				const { status, items } = await waitForResult(world, await startWorkflow(world, {}));
				expect([status, items.length]).toEqual(['success', 3]);
			} finally {
				for (const scene of scenes) await scene.close();
			}
		});
	},
);
