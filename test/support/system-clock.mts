import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import { createEngine, type Engine } from '../../n8n/engine/engine.cts';
import { startLocalApi, type Clock, type LocalApi } from '../../local-api/index.mts';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { ENGINE_FOLDER } from './engine-folder.mts';
import { API_KEY } from './rig.mts';

/** The service is another machine. Nothing changes its clock. */
const servicesClock: Clock = {
	now: () => performance.now(),
	async sleep(ms, signal) {
		const end = performance.now() + ms;
		do await sleep(Math.max(0, end - performance.now()), undefined, { signal });
		while (performance.now() < end);
	},
};

/** The node as n8n runs it, on the system's clock, and a service whose jobs take a second. */
export interface SystemRig {
	service: LocalApi;
	engine: Engine;
	close(): Promise<void>;
}

export async function openSystemRig(): Promise<SystemRig> {
	const service = await startLocalApi({ clock: servicesClock, jobSeconds: 1 });
	const engine = await createEngine({
		folder: ENGINE_FOLDER,
		nodeTypes: { 'n8n-nodes-img-to-3d.imgTo3d': new ImgTo3d() },
		credentials: {
			stableDiffusionApi: {
				type: new StableDiffusionApi(),
				data: { apiKey: API_KEY, service: 'other', baseUrl: service.baseUrl },
			},
		},
	});
	return {
		service,
		engine,
		close: async () => {
			await service.stop();
			await engine.close();
			rmSync(ENGINE_FOLDER, { recursive: true, force: true });
		},
	};
}

const SystemDate = Date;

/** Sets the system's clock of this process ahead by so much. 0 corrects it again. */
export function setClock(aheadMs: number): void {
	globalThis.Date =
		aheadMs === 0
			? SystemDate
			: (class extends SystemDate {
					constructor(...given: []) {
						super(...((given.length > 0 ? given : [SystemDate.now() + aheadMs]) as []));
					}

					static override now(): number {
						return SystemDate.now() + aheadMs;
					}
				} as DateConstructor);
}

/** Sets the clock while the node waits for a job: after the answer to its submit, and before the job ends. */
export async function setClockDuringJob({ service }: SystemRig, aheadMs: number): Promise<void> {
	const before = service.jobs.length;
	while (service.jobs.length === before) await sleep(10);
	await sleep(300);
	setClock(aheadMs);
}
