/** Web servers on this machine that replace services of the internet. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
	origin: string;
	close(): Promise<void>;
}

/**
 * Starts a web server.
 *
 * @param address of this machine, 127.x.y.z
 * @param port 0: a free one
 */
export async function serve(listener: RequestListener, address = '127.0.0.1', port = 0): Promise<TestServer> {
	const server = createServer(listener);
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, address, resolve);
	});
	return {
		origin: `http://${address}:${(server.address() as AddressInfo).port}`,
		close: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
