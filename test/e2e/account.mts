/** The operations on the account, and the panel's list of jobs. */
import type { INodeListSearchResult } from 'n8n-workflow';

import { PACKAGE } from '../../n8n/real/n8n.mts';
import type { Site } from '../../n8n/real/site.mts';
import { listSamples, startWorkflow, Suite, waitForResult } from './suite.mts';

export function testAccount(getWorld: () => Site): void {
	const suite = new Suite(getWorld, 0);

	test('jobs are listed, chosen, fetched and deleted, and the balance is read', async () => {
		const { world } = suite;
		const [image = ''] = listSamples(world);
		const run = async (parameters: object) =>
			(await waitForResult(world, await startWorkflow(world, { ...parameters }, {}, [image]))).items;

		const [made] = await run({});
		const [job] = await run({ operation: 'getJobs', limit: 1 });
		expect(job?.json).toEqual({ id: made?.json.id, output: made?.json.output });
		expect(await run({ operation: 'getBalance' })).toMatchObject([
			// Other tests may have left open jobs.
			{ json: { balance: 43.6, currency: 'USD', processing: expect.any(Number) as number } },
		]);

		const { results } = await listJobsOfPanel(world);
		expect(results[0]).toMatchObject({ value: made?.json.id, url: (made?.json.output as string[])[0] });
		const jobId = { __rl: true, mode: 'list', value: results[0]?.value };
		expect(await run({ operation: 'getResult', jobId })).toMatchObject([
			{ json: { id: made?.json.id, status: 'success', api_version: 'v3' } },
		]);
		expect(await run({ operation: 'deleteFiles', jobId })).toMatchObject([
			{ json: { id: made?.json.id, deleted: true } },
		]);
		expect((await listJobsOfPanel(world)).results[0]?.value).not.toBe(made?.json.id);
		expect(suite.paid).toBe(1);
	});
}

/** Asks n8n for the choices of the panel, as its editor does. */
async function listJobsOfPanel(world: Site): Promise<INodeListSearchResult> {
	return await world.main.requestData('POST', '/dynamic-node-parameters/resource-locator-results', {
		path: 'parameters.jobId',
		methodName: 'searchJobs',
		nodeTypeAndVersion: { name: `${PACKAGE}.imgTo3d`, version: 1 },
		currentNodeParameters: { operation: 'getResult', jobId: { __rl: true, mode: 'list', value: '' } },
		credentials: world.credentials,
	});
}
