import { openRig, buildWorkflow } from '../support/rig.mts';

/** The port that n8n's server had in a rig that is closed. */
async function portOfClosedN8n(): Promise<number> {
	const rig = await openRig();
	const { production } = rig.engine.publish(buildWorkflow({}), 'unused');
	await rig.close();
	return Number(new URL(production).port);
}

test('the clock stands still while a service answers at the port of an n8n that has closed', async () => {
	const rig = await openRig({ jobSeconds: 10, port: await portOfClosedN8n() });
	try {
		const { error, items } = await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			download: false,
		});
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({ status: 'success' });
	} finally {
		await rig.close();
	}
});
