import { openRig, workflowOf } from '../support/rig.mts';

/** The port that n8n's own server had in a bench that is closed by now. */
async function portOfClosedN8n(): Promise<number> {
	const bench = await openRig();
	const { production } = bench.engine.publish(workflowOf({}), 'unused');
	await bench.close();
	return Number(new URL(production).port);
}

test('the clock stands still while a service answers at the port of an n8n that is gone', async () => {
	const bench = await openRig({ jobSeconds: 10, port: await portOfClosedN8n() });
	try {
		const { error, items } = await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
			download: false,
		});
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({ status: 'success' });
	} finally {
		await bench.close();
	}
});
