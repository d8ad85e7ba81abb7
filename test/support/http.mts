import { Agent, request, type IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { gzipSync } from 'node:zlib';

import axios from 'axios';

import { serve } from '../../n8n/real/serve.mts';

export { serve, type TestServer } from '../../n8n/real/serve.mts';

/** Samples a number. @returns a function that ends this and returns the highest value */
export function trackHighest(sample: () => number): () => number {
	let most = 0;
	const sampling = setInterval(() => (most = Math.max(most, sample())), 1);
	return () => {
		clearInterval(sampling);
		return most;
	};
}

/** Gets a URL from an address and a port of this machine. */
export async function getFrom(localAddress: string, localPort: number, url: string): Promise<void> {
	await axios.get(url, { httpAgent: new Agent({ localAddress, localPort }), proxy: false });
}

/** Packs bytes as a server does for `Content-Encoding: gzip`. */
export function gzip(bytes: Buffer): Buffer {
	return gzipSync(bytes);
}

/**
 * Puts a server on this machine behind public names. n8n's request helper goes through a proxy, which sends every request to `target`.
 *
 * @param direct the hosts that are requested directly, separated by commas
 * @returns its own address, the URLs of the requests, and a function that ends it
 */
export async function serveBehindPublicName(
	target: string,
	direct?: string,
): Promise<{ origin: string; asked: string[]; end: () => Promise<void> }> {
	const asked: string[] = [];
	const proxy = await serve((incoming, outgoing) => {
		const wanted = new URL(incoming.url ?? '', 'http://unknown.invalid');
		asked.push(wanted.href);
		const headers = { ...incoming.headers, host: new URL(target).host };
		const onward = request(
			target + wanted.pathname + wanted.search,
			{ method: incoming.method, headers },
			(answer) => {
				outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
				// Whichever side breaks off, the other one ends. An answer that nobody reads would hold the clock.
				pipeline(answer, outgoing, () => {});
			},
		);
		onward.on('error', () => outgoing.destroy());
		incoming.pipe(onward);
	});
	process.env.HTTP_PROXY = proxy.origin;
	if (direct !== undefined) process.env.NO_PROXY = direct;
	return {
		origin: proxy.origin,
		asked,
		end: async () => {
			delete process.env.HTTP_PROXY;
			if (direct !== undefined) delete process.env.NO_PROXY;
			await proxy.close();
		},
	};
}

/** Requests a file, and destroys the answer after its first bytes. */
export async function breakOff(url: string): Promise<void> {
	const answer = await new Promise<IncomingMessage>((resolve, reject) => {
		request(url, resolve).on('error', reject).end();
	});
	await new Promise((resolve) => answer.once('data', resolve));
	answer.destroy();
}
