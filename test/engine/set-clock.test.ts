import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import { createEngine, outputOf, type Engine } from '../../engine/engine.cts';
import { startLocalApi, type Clock, type LocalApi } from '../../local-api/index.mts';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { NODE, workflowOf } from './bench.mts';

const HOUR_MS = 3_600_000;

/** The service is another machine, whose clock nobody sets. */
const servicesClock: Clock = {
	now: () => performance.now(),
	async sleep(ms, signal) {
		const end = performance.now() + ms;
		do await sleep(Math.max(0, end - performance.now()), undefined, { signal });
		while (performance.now() < end);
	},
};

let folder: string;
let service: LocalApi;
let engine: Engine;
beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'img-to-3d-clock-'));
	service = await startLocalApi({ clock: servicesClock, jobSeconds: 1 });
	engine = await createEngine({
		folder,
		nodeTypes: { 'n8n-nodes-img-to-3d.imgTo3d': new ImgTo3d() },
		credentials: {
			stableDiffusionApi: {
				type: new StableDiffusionApi(),
				data: { apiKey: 'sk-test-3f9c1d7be2a84f60', baseUrl: service.baseUrl },
			},
		},
	});
});
afterAll(async () => {
	await service.stop();
	await engine.close();
	rmSync(folder, { recursive: true, force: true });
});

const SystemDate = Date;
afterEach(() => {
	globalThis.Date = SystemDate;
});

/** Sets the system's clock, for all that runs here. */
function setClock(aheadMs: number): void {
	globalThis.Date = class extends SystemDate {
		constructor(...given: []) {
			super(...((given.length > 0 ? given : [SystemDate.now() + aheadMs]) as []));
		}

		static override now(): number {
			return SystemDate.now() + aheadMs;
		}
	} as DateConstructor;
}

test.each([
	['forward', 5 * HOUR_MS],
	['back', -5 * HOUR_MS],
])('a job ends as ever when the system’s clock is set %s while it is waited for', async (_way, aheadMs) => {
	const before = service.jobs.length;
	const start = performance.now();
	const set = async () => {
		while (service.jobs.length === before) await sleep(10);
		// The node has its answer, and the job has not ended.
		await sleep(300);
		setClock(aheadMs);
	};
	const [run] = await Promise.all([
		engine.run(
			workflowOf({
				operation: 'textTo3d',
				prompt: 'a cup',
				download: false,
				options: { timeout: 60 },
			}),
		),
		set(),
	]);
	const took = performance.now() - start;
	expect(run.data.resultData.error).toBeUndefined();
	const [items = []] = outputOf(run, NODE);
	expect(items.map(({ json }) => json.status)).toEqual(['success']);
	expect(Math.abs(Date.now() - SystemDate.now())).toBeGreaterThan(HOUR_MS);
	// A busy machine takes longer than the second that the job does.
	expect(took).toBeGreaterThan(900);
	expect(took).toBeLessThan(20_000);
});
