import { breakOff, serve, serveBehindPublicName } from '../support/http.mts';
import { openRig, buildWorkflow } from '../support/rig.mts';
import { TestClock } from '../support/test-clock.mts';

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

test('the clock goes on when a client breaks off a file behind a public name', async () => {
	// More than what the connections of both sides hold, so that the server still has something to send.
	const file = Buffer.alloc(20_000_000);
	const server = await serve((_, response) => response.end(file));
	const proxy = await serveBehindPublicName(server.origin);
	const clock = new TestClock();
	clock.patienceMs = Infinity;
	try {
		await breakOff(proxy.origin);
		await clock.sleep(1000);
		expect(proxy.asked).toHaveLength(1);
	} finally {
		clock.stop();
		await proxy.end();
		await server.close();
	}
});
