/** Servers on loopback that replace the other services of a workflow. */
import { join } from 'node:path';

import { serve, type TestServer } from '../support/http.mts';

/** A public host name that resolves to an address of this machine. An n8n server needs this environment, which loads `resolve.cjs`. */
export const RESOLVED = {
	name: 'cdn.evil.example',
	address: '127.0.0.2',
	env: { NODE_OPTIONS: `--require ${join(process.cwd(), 'test', 'e2e', 'resolve.cjs')}` },
};

/** A received request. */
export interface Received {
	path: string;
	contentType: string;
	body: Buffer;
}

/** Starts a server that accepts and keeps every request. */
export async function openSink(): Promise<TestServer & { received: Received[] }> {
	const received: Received[] = [];
	const server = await serve((request, response) => {
		const chunks: Buffer[] = [];
		request.on('data', (chunk: Buffer) => chunks.push(chunk));
		request.on('end', () => {
			const contentType = request.headers['content-type'] ?? '';
			received.push({ path: request.url ?? '', contentType, body: Buffer.concat(chunks) });
			response.setHeader('Content-Type', 'application/json').end('{"ok":true}');
		});
	});
	return { ...server, received };
}
