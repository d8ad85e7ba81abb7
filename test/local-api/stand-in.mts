import { subscribe } from 'node:diagnostics_channel';
import { createServer, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

import axios from 'axios';

import { startLocalApi, type LocalApi, type LocalApiOptions } from '../../local-api/index.mts';
import { TestClock } from '../support/test-clock.mts';

/** Long enough to be a secret, and found nowhere by chance. */
export const KEY = 'sk-stand-in-51c0e7d9a4b84f02';

/** Small and quick to make. */
export const QUICK = { frame_size: 32, seconds: 1, steps: 1, seed: 20 };

/** The same for version 6. */
export const QUICK_MESH = { resolution: 16, seed: 20 };

/** The answer about a job that the service does not know, as clients have recorded it. */
export const NOT_FOUND = {
	status: 'failed',
	id: '',
	message: 'Request not found',
	output: '',
	tip: 'Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise',
};

/** What the API's answers hold; a field that an answer lacks is missing at run time too. */
export interface Json {
	id: number;
	status: string;
	output: string[];
	future_links: string[];
	proxy_links: string[];
	extra_assets: string[];
	link: string;
	message: unknown;
	meta: Record<string, unknown>;
	[field: string]: unknown;
}

export interface Reply {
	status: number;
	headers: Record<string, unknown>;
	bytes: Buffer;
	text: string;
	/** The parsed text; throws when it is no JSON. */
	readonly json: Json;
}

export interface WebhookCall {
	/** The parsed JSON, without a byte order mark. */
	body: Record<string, unknown>;
	bytes: Buffer;
	contentType: string | undefined;
	/** The clock's ms. */
	at: number;
}

/** The stand-in service on a clock of the test's own, and a server beside it for pictures and webhooks. */
export interface StandIn {
	api: LocalApi;
	clock: TestClock;
	/** Lines that the service has logged. */
	log: string[];
	/** Address of a picture that the service fetches over HTTP; its bytes are set with `serve`. */
	pictureUrl: string;
	serve(picture: Buffer): void;
	/** Address of a picture that never comes. */
	hangingUrl: string;
	/** Requests for it so far. */
	hanging(): number;
	hookUrl: string;
	calls: WebhookCall[];
	/** Most calls that were there at the same time. */
	mostCalls(): number;
	/** POSTs JSON, or a text as it is, to a path under the Base URL; the key is added to an object. */
	post(path: string, body?: Record<string, unknown> | string): Promise<Reply>;
	/** Submits the duck, or what the body says; the defaults are QUICK. */
	submit(body?: Record<string, unknown>): Promise<Reply>;
	fetchJob(id: number | string): Promise<Reply>;
	/** Submits the duck to version 6, or what the body says; the defaults are QUICK_MESH. */
	submitMesh(body?: Record<string, unknown>): Promise<Reply>;
	fetchMesh(id: number | string): Promise<Reply>;
	request(method: string, url: string, body?: Record<string, unknown> | string): Promise<Reply>;
	get(url: string): Promise<Reply>;
	close(): Promise<void>;
}

/** How long the receiver of a webhook call takes to answer, real ms. */
const ANSWER_MS = 10;

const contacted: string[] = [];
subscribe('http.client.request.start', (message) => {
	contacted.push((message as { request: ClientRequest }).request.host);
});

/** Hosts that this process has sent requests to since this was last called with `forget`. */
export function contactedHosts(forget = false): string[] {
	if (forget) contacted.length = 0;
	return [...contacted];
}

async function request(method: string, url: string, body?: Record<string, unknown> | string): Promise<Reply> {
	const { status, headers, data } = await axios.request<ArrayBuffer>({
		method,
		url,
		data:
			body === undefined ? undefined : Buffer.from(typeof body === 'object' ? JSON.stringify(body) : body),
		headers: body === undefined ? {} : { 'content-type': 'application/json' },
		responseType: 'arraybuffer',
		validateStatus: () => true,
		maxRedirects: 0,
		proxy: false,
	});
	const bytes = Buffer.from(data);
	const text = bytes.toString();
	return {
		status,
		headers: { ...headers },
		bytes,
		text,
		get json() {
			return JSON.parse(text) as Json;
		},
	};
}

export async function openStandIn(options: Omit<LocalApiOptions, 'clock' | 'log'> = {}): Promise<StandIn> {
	const clock = new TestClock();
	const log: string[] = [];
	const api = await startLocalApi({ ...options, clock, log: (line) => log.push(line) });
	const calls: WebhookCall[] = [];
	let picture: Buffer | undefined;
	let hanging = 0;
	let open = 0;
	let most = 0;
	const side = createServer((incoming, answer) => {
		open += 1;
		most = Math.max(most, open);
		answer.once('close', () => (open -= 1));
		const chunks: Buffer[] = [];
		incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
		incoming.on('end', () => {
			if (incoming.method === 'POST') {
				const bytes = Buffer.concat(chunks);
				calls.push({
					body: JSON.parse(bytes.toString().replace(/^\uFEFF/, '')) as Record<string, unknown>,
					bytes,
					contentType: incoming.headers['content-type'],
					at: clock.now(),
				});
				// Not at once, so that calls of the same moment are there at the same time.
				setTimeout(() => answer.end('ok'), ANSWER_MS);
			} else if (picture && incoming.url === '/picture') {
				answer.end(picture);
			} else if (incoming.url === '/never') {
				hanging += 1;
			} else {
				answer.writeHead(404).end('nothing here');
			}
		});
	});
	await new Promise<void>((resolve) => side.listen(0, '127.0.0.1', resolve));
	const sideOrigin = `http://127.0.0.1:${(side.address() as AddressInfo).port}`;

	const post: StandIn['post'] = (path, body = {}) =>
		request('POST', `${api.baseUrl}/${path}`, typeof body === 'string' ? body : { key: KEY, ...body });
	const image = `${api.origin}/samples/duck.png`;
	return {
		api,
		clock,
		log,
		calls,
		pictureUrl: `${sideOrigin}/picture`,
		serve: (bytes) => {
			picture = bytes;
		},
		hangingUrl: `${sideOrigin}/never`,
		hanging: () => hanging,
		mostCalls: () => most,
		hookUrl: `${sideOrigin}/hook`,
		post,
		submit: (body = {}) => post('v3/img_to_3d', { image, ...QUICK, ...body }),
		fetchJob: (id) => post(`v3/fetch/${id}`),
		submitMesh: (body = {}) => post('v6/3d/image_to_3d', { image, ...QUICK_MESH, ...body }),
		fetchMesh: (id) => post(`v6/3d/fetch/${id}`),
		request,
		get: (url) => request('GET', url),
		close: async () => {
			await api.stop();
			side.closeAllConnections();
			await new Promise((resolve) => side.close(resolve));
		},
	};
}
