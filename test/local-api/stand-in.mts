import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';

import axios from 'axios';

import { startLocalApi, type LocalApi, type LocalApiOptions } from '../../local-api/index.mts';
import { serve, type TestServer } from '../support/http.mts';
import { TestClock } from '../support/test-clock.mts';

/** Long enough for a secret, and so unusual that no text contains it by chance. */
export const KEY = 'sk-stand-in-51c0e7d9a4b84f02';

/** Small and quick to make. */
export const QUICK = { frame_size: 32, seconds: 1, steps: 1, seed: 20 };

/** The same for version 6. */
export const QUICK_MESH = { resolution: 16, seed: 20 };

/** The answer for a job that the service does not know, as clients have recorded it. */
export const NOT_FOUND = {
	status: 'failed',
	id: '',
	message: 'Request not found',
	output: '',
	tip: 'Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise',
};

/** The fields of the API's answers. A field that an answer does not have is missing at run time too. */
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
	/** The parsed text. Throws when it is not JSON. */
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

/** The stand-in service on a clock of the test, and a server beside it for images and webhooks. */
export interface StandIn {
	api: LocalApi;
	clock: TestClock;
	/** The lines that the service has logged. */
	log: string[];
	/** Address of an image that the service fetches over HTTP. `serve` sets its bytes. */
	pictureUrl: string;
	serve(picture: Buffer): void;
	/** Address of an image that never arrives. */
	hangingUrl: string;
	/** The requests for it so far. */
	hanging(): number;
	hookUrl: string;
	calls: WebhookCall[];
	/** The most calls at the same time. */
	mostCalls(): number;
	/** Sends JSON, or a text as it is, to a path under the Base URL. An object gets the key. */
	post(path: string, body?: Record<string, unknown> | string): Promise<Reply>;
	/** Submits the duck, or what the body says. The defaults are QUICK. */
	submit(body?: Record<string, unknown>): Promise<Reply>;
	fetchJob(id: number | string): Promise<Reply>;
	/** Submits the duck to version 6, or what the body says. The defaults are QUICK_MESH. */
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

/** @returns the hosts of the requests since the last call with `forget` */
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

/** A server beside the stand-in, for images and webhooks. */
class SideServer {
	readonly calls: WebhookCall[] = [];

	picture?: Buffer;

	hanging = 0;

	mostCalls = 0;

	private open = 0;

	private server?: TestServer;

	constructor(private readonly clock: TestClock) {}

	async start(): Promise<string> {
		this.server = await serve((request, response) => {
			this.open += 1;
			this.mostCalls = Math.max(this.mostCalls, this.open);
			response.once('close', () => (this.open -= 1));
			const chunks: Buffer[] = [];
			request.on('data', (chunk: Buffer) => chunks.push(chunk));
			request.on('end', () => {
				if (request.method === 'POST') this.receive(Buffer.concat(chunks), request, response);
				else if (this.picture && request.url === '/picture') response.end(this.picture);
				else if (request.url === '/never') this.hanging += 1;
				else response.writeHead(404).end('nothing here');
			});
		});
		return this.server.origin;
	}

	private receive(bytes: Buffer, request: IncomingMessage, response: ServerResponse): void {
		this.calls.push({
			body: JSON.parse(bytes.toString().replace(/^\uFEFF/, '')) as Record<string, unknown>,
			bytes,
			contentType: request.headers['content-type'],
			at: this.clock.now(),
		});
		// Not at once, so that calls of the same moment are open at the same time.
		setTimeout(() => response.end('ok'), ANSWER_MS);
	}

	async close(): Promise<void> {
		await this.server?.close();
	}
}

export async function openStandIn(options: Omit<LocalApiOptions, 'clock' | 'log'> = {}): Promise<StandIn> {
	const clock = new TestClock();
	const log: string[] = [];
	const api = await startLocalApi({ ...options, clock, log: (line) => log.push(line) });
	const side = new SideServer(clock);
	const sideOrigin = await side.start();
	const post: StandIn['post'] = (path, body = {}) =>
		request('POST', `${api.baseUrl}/${path}`, typeof body === 'string' ? body : { key: KEY, ...body });
	const image = `${api.origin}/samples/duck.png`;
	return {
		api,
		clock,
		log,
		calls: side.calls,
		pictureUrl: `${sideOrigin}/picture`,
		serve: (bytes) => {
			side.picture = bytes;
		},
		hangingUrl: `${sideOrigin}/never`,
		hanging: () => side.hanging,
		mostCalls: () => side.mostCalls,
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
			await side.close();
		},
	};
}
