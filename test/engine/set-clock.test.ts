import { readOutput } from '../../n8n/engine/engine.cts';
import { NODE, buildWorkflow } from '../support/rig.mts';
import { openSystemRig, setClock, setClockDuringJob, type SystemRig } from '../support/system-clock.mts';

const HOUR_MS = 3_600_000;

let rig: SystemRig;
beforeAll(async () => {
	rig = await openSystemRig();
});
afterAll(async () => {
	await rig.close();
});
afterEach(() => setClock(0));

test.each([
	['forward', 5 * HOUR_MS],
	['back', -5 * HOUR_MS],
])('a job ends as usual if the system clock is set %s in the meantime', async (_way, aheadMs) => {
	const [start, date] = [performance.now(), Date.now()];
	const [run] = await Promise.all([
		rig.engine.run(
			buildWorkflow({ operation: 'textTo3d', prompt: 'a cup', download: false, options: { timeout: 60 } }),
		),
		setClockDuringJob(rig, aheadMs),
	]);
	const took = performance.now() - start;
	expect(run.data.resultData.error).toBeUndefined();
	const [items = []] = readOutput(run, NODE);
	expect(items.map(({ json }) => json.status)).toEqual(['success']);
	expect(took).toBeGreaterThan(900);
	// A busy machine takes longer than the second that the job does.
	expect(took).toBeLessThan(20_000);
	expect(Math.abs(Date.now() - date)).toBeGreaterThan(4 * HOUR_MS);
});
