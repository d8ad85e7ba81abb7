/** An S3 store on loopback with one bucket. Its files are on the disk. Web pages of any origin may load them. */
import S3rver from '@20minutes/s3rver';

import type { TestServer } from '../serve.mts';

export const BUCKET = 'catalogue';

/** The only keys that s3rver knows. */
export const STORE_KEYS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

const CORS = `<CORSConfiguration><CORSRule>
<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
</CORSRule></CORSConfiguration>`;

/** @param directory of the files @param port 0: a free one */
export async function startStore(directory: string, port: number): Promise<TestServer> {
	const server = new S3rver({
		address: '127.0.0.1',
		port,
		directory,
		silent: true,
		vhostBuckets: false,
		configureBuckets: [{ name: BUCKET, configs: [CORS] }],
	});
	const { port: open } = await server.run();
	return {
		origin: `http://127.0.0.1:${open}`,
		close: async () => {
			server.httpServer.closeAllConnections();
			await server.close();
		},
	};
}
