/** The servers between the node and the stand-in service, which spoil requests as a fault says. */
import {
	createServer,
	request as send,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

import { isObject } from '../../local-api/json.mts';
import type { Clock, LocalApi } from '../../local-api/index.mts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { patchDns } from '../support/dns.cjs';
import { letClockMoveDuring } from '../support/exchanges.mts';
import type { Answering, FaultyAnswer, Moment, RequestPlace, Way } from './faults.mts';

/** A pause between two bytes of a slow answer, ms. */
const DRIP_MS = 10_000;

/** Where those who ask a front look up its names. */
export interface Names {
	/** From now on the name stands for this machine, or for nothing. */
	set(name: string, isThere: boolean): void;
	forget(name: string): void;
	/** A port that nobody else is given while its server is shut; default any. */
	port?(): Promise<number>;
}

/** What a front stands before, and what it goes by. */
export interface Backing {
	clock: Pick<Clock, 'now' | 'sleep'>;
	service: Pick<LocalApi, 'origin' | 'jobs'>;
	/** Default: the names of this process. */
	names?: Names;
	/** Tells the front's names from those of another one. */
	label?: string;
}

/** A request that came in, and what became of it. */
export interface Exchange {
	place?: RequestPlace;
	/** The input item that it was made for. */
	item?: number;
	/** The clock's ms. */
	at: number;
	path: string;
	headers: string;
	body: string;
	isHit: boolean;
	/** The answer, where it was given in full. */
	told?: string;
}

/** What a front does to which requests. */
export interface Spoiling {
	place?: RequestPlace;
	way: Way;
	/** Whether each request of the item is hit, or the first one only. */
	isPersistent: boolean;
	/** Whether a submit that is hit is accepted, and paid, all the same. */
	isAccepted: boolean;
	/** The item whose requests are hit; where the connection itself fails it is all of them. */
	item: number;
	/** How long an outage takes that ends, s. */
	outageSeconds: number;
	/** How long an answer asks to wait that asks for it, s. */
	waitSeconds: number;
	/** How many requests are hit, where not each is. */
	times: number;
	/** How the service writes the ID of the item's job, where it does so in its own way. */
	rawId?: string;
	isIdNested: boolean;
	/** Whether the item's files have a second address, which is never hit. */
	hasMirror: boolean;
}

/** Names that resolve to this machine, or to nothing, while there is a front. */
const names = new Map<string, boolean>();
let unpatchDns: (() => void) | undefined;

function resolveName(hostname: string): string | null | undefined {
	const isThere = names.get(hostname);
	if (isThere === undefined) return undefined;
	return isThere ? '127.0.0.1' : null;
}

const namesOfProcess: Names = {
	set(name, isThere) {
		names.set(name, isThere);
		unpatchDns ??= patchDns(resolveName);
	},
	forget(name) {
		names.delete(name);
		if (names.size > 0) return;
		unpatchDns?.();
		unpatchDns = undefined;
	},
};

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A server under a name, which can be shut and opened again. */
class Door {
	private server?: Server;
	private port = 0;

	constructor(
		private readonly name: string,
		private readonly names: Names,
		private readonly listener: Listener,
	) {
		names.set(name, true);
	}

	get origin(): string {
		return `http://${this.name}:${this.port}`;
	}

	async open(): Promise<void> {
		if (this.port === 0) this.port = (await this.names.port?.()) ?? 0;
		const server = createServer((request, response) => {
			this.listener(request, response).catch(() => response.destroy());
		});
		await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
		this.port = (server.address() as AddressInfo).port;
		this.server = server;
	}

	async shut(): Promise<void> {
		const { server } = this;
		this.server = undefined;
		server?.closeAllConnections();
		await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
	}

	/** From now on its name does not resolve, or does again. */
	setName(isThere: boolean): void {
		this.names.set(this.name, isThere);
	}

	forget(): void {
		this.names.forget(this.name);
	}
}

interface Right {
	status: number;
	headers: Record<string, string>;
	body: Buffer;
}

/** For a submit that does not get through to the service. */
const NOTHING: Right = { status: 200, headers: {}, body: Buffer.alloc(0) };

/**
 * The service as the node sees it. What one item's files are served from is a door of its own, so that it can be shut
 * for this item alone.
 */
export class Front {
	readonly exchanges: Exchange[] = [];
	private readonly api: Door;
	private readonly files: Door;
	private isArmed = false;
	private isClosed = false;
	private hits = 0;
	private firstHitAt?: number;
	/** What the next fetch of the item is answered. */
	private nextFetch?: Answering;
	private readonly done = new Set<string>();

	private constructor(
		private readonly backing: Backing,
		private readonly key: string,
		private readonly spoiling: Spoiling,
		private readonly images: readonly string[],
		isPublic: boolean,
	) {
		const { names: known = namesOfProcess, label = '' } = backing;
		const domain = isPublic ? 'example.com' : 'localhost';
		const listener: Listener = async (request, response) => await this.answer(request, response);
		this.api = new Door(`service${label}.${domain}`, known, listener);
		this.files = new Door(`files${label}.${domain}`, known, listener);
	}

	/** @param images base64 of the input items' files, by item */
	static async open(
		backing: Backing,
		key: string,
		spoiling: Spoiling,
		images: readonly string[],
		isPublic: boolean,
	): Promise<Front> {
		const front = new Front(backing, key, spoiling, images, isPublic);
		await front.api.open();
		await front.files.open();
		return front;
	}

	async close(): Promise<void> {
		this.isClosed = true;
		await this.api.shut();
		await this.files.shut();
		this.api.forget();
		this.files.forget();
	}

	get baseUrl(): string {
		const { origin } = this.api;
		return `${this.spoiling.way === 'noTls' ? origin.replace('http:', 'https:') : origin}/api`;
	}

	/** Names of hosts that the node may ask. */
	get hosts(): string[] {
		return [new URL(this.api.origin).host, new URL(this.files.origin).host];
	}

	/** From now on requests are spoilt. */
	async arm(): Promise<void> {
		this.isArmed = true;
		if (this.isOutage && !this.waitsForJobs) await this.beginOutage();
	}

	/** The next time that the item's job is asked for, the answer is another one. */
	spoilNextFetch(way: Answering | undefined): void {
		this.nextFetch = way;
	}

	private get isOutage(): boolean {
		return ['closed', 'unresolved', 'noTls'].includes(String(this.spoiling.way));
	}

	/** An outage of the fetch begins when the jobs are in. */
	private get waitsForJobs(): boolean {
		return this.spoiling.place === 'fetch' && this.backing.service.jobs.length === 0;
	}

	private async beginOutage(): Promise<void> {
		const { place, way, isPersistent, outageSeconds } = this.spoiling;
		const door = place === 'download' ? this.files : this.api;
		if (way === 'noTls') return;
		this.hits += 1;
		if (way === 'unresolved') door.setName(false);
		else await door.shut();
		if (isPersistent) return;
		void this.backing.clock.sleep(outageSeconds * 1000).then(async () => {
			if (this.isClosed) return;
			door.setName(true);
			if (way === 'closed') await door.open();
		});
	}

	private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const exchange = await this.record(request);
		response.setHeader('connection', 'close');
		const isHit = this.isDue(exchange);
		const isKept = isHit && exchange.place === 'submit' && !this.spoiling.isAccepted;
		const right = isKept ? NOTHING : await this.forward(request, exchange);
		const meanwhile = this.takeNextFetch(exchange);
		if (!isHit && !meanwhile) {
			this.pass(exchange, right, response);
			return;
		}
		const way = meanwhile ?? this.spoiling.way;
		const faulty = typeof way === 'function' ? way(this.momentOf(exchange, right)) : way;
		if (faulty === undefined) {
			this.pass(exchange, right, response);
			return;
		}
		this.hits += 1;
		exchange.isHit = true;
		if (typeof faulty === 'string') await this.breakOff(faulty, right, request, response);
		else await this.tell(faulty, exchange, request, response);
	}

	private takeNextFetch({ place, item }: Exchange): Answering | undefined {
		const { nextFetch } = this;
		if (place !== 'fetch' || item !== this.spoiling.item) return undefined;
		this.nextFetch = undefined;
		return nextFetch;
	}

	private async record(request: IncomingMessage): Promise<Exchange> {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		const body = Buffer.concat(chunks).toString();
		const path = request.url ?? '';
		const exchange: Exchange = {
			...this.ownerOf(path, body),
			at: this.backing.clock.now(),
			path,
			headers: JSON.stringify(request.headers),
			body,
			isHit: false,
		};
		this.exchanges.push(exchange);
		return exchange;
	}

	/** Gives the right answer in part, late, or not at all. An outage has no requests. */
	private async breakOff(
		way: Exclude<Way, Answering>,
		right: Right,
		{ socket }: IncomingMessage,
		response: ServerResponse,
	): Promise<void> {
		switch (way) {
			case 'resetBefore':
				socket.resetAndDestroy();
				return;
			case 'resetMiddle':
				response.writeHead(200, { ...right.headers, 'content-length': right.body.length });
				response.write(right.body.subarray(0, right.body.length / 2), () =>
					setImmediate(() => socket.resetAndDestroy()),
				);
				return;
			case 'silent':
				letClockMoveDuring(socket.remotePort ?? 0);
				return;
			case 'drip':
				letClockMoveDuring(socket.remotePort ?? 0);
				await this.drip(right, response);
				return;
			default:
				throw new Error(`"${way}" is no way to answer`);
		}
	}

	private async tell(
		{ status = 200, headers, body }: FaultyAnswer,
		exchange: Exchange,
		{ socket }: IncomingMessage,
		response: ServerResponse,
	): Promise<void> {
		const date = new Date(this.backing.clock.now()).toUTCString();
		response.writeHead(status, { date, 'content-type': 'application/json', ...headers });
		if (typeof body === 'function') {
			await pipeline(body(), response);
			return;
		}
		exchange.told = String(body);
		const announced = Number(headers?.['content-length'] ?? 0);
		if (announced > body.length) response.write(body, () => socket.end());
		else response.end(body);
	}

	private isDue({ place, item }: Exchange): boolean {
		const { spoiling, hits, isOutage } = this;
		if (!this.isArmed || isOutage || place !== spoiling.place || item !== spoiling.item) return false;
		return spoiling.isPersistent || hits < spoiling.times;
	}

	private pass(exchange: Exchange, right: Right, response: ServerResponse): void {
		exchange.told = right.body.toString();
		if (exchange.place === 'submit' && this.isOutage && this.spoiling.place === 'fetch') {
			// In the same turn as the last answer: nothing is fetched before.
			response.once('close', () => {
				const answered = this.exchanges.filter(({ place, told }) => place === 'submit' && told);
				if (this.isArmed && answered.length === this.images.length && this.hits === 0)
					void this.beginOutage();
			});
		}
		response.writeHead(right.status, right.headers);
		response.end(right.body);
	}

	private async drip({ status, headers, body }: Right, response: ServerResponse): Promise<void> {
		response.writeHead(status, { ...headers, 'content-length': body.length });
		response.flushHeaders();
		for (let sent = 0; sent < body.length && !response.destroyed; sent++) {
			response.write(body.subarray(sent, sent + 1));
			await this.backing.clock.sleep(DRIP_MS);
		}
		response.end();
	}

	private momentOf({ item, path }: Exchange, { body, headers }: Right): Moment {
		const job = this.jobOf(item);
		const wasDone = job !== undefined && this.done.has(String(job.id));
		if (job) this.done.add(String(job.id));
		const now = this.backing.clock.now();
		this.firstHitAt ??= now;
		return {
			right: { body, headers },
			now,
			sinceFirst: (now - this.firstHitAt) / 1000,
			waitSeconds: this.spoiling.waitSeconds,
			key: this.key,
			outputs: (job?.outputs ?? []).map((url) => this.outside(url)),
			elsewhere: `${this.api.origin}${path}?moved`,
			wasDone,
		};
	}

	private ownerOf(path: string, body: string): Pick<Exchange, 'place' | 'item'> {
		const last = path.split('?')[0]?.split('/').pop() ?? '';
		const { jobs } = this.backing.service;
		if (path.startsWith('/files/')) {
			const job = jobs.find(({ outputs }) => outputs.some((url) => url.endsWith(last)));
			return { place: /\?(moved|mirror)$/.test(path) ? undefined : 'download', item: itemOf(job) };
		}
		const json: unknown = JSON.parse(body);
		const sent = isObject(json) ? json : {};
		if (path.includes('/fetch')) {
			const asked = path.endsWith('/fetch') ? String(sent.request_id) : decodeURIComponent(last);
			if (asked === this.ownId) return { place: 'fetch', item: this.spoiling.item };
			return { place: 'fetch', item: itemOf(jobs.find(({ id }) => `${id}` === asked)) };
		}
		if (path.endsWith('/base64_crop')) {
			const item = this.images.findIndex((image) => String(sent.image).endsWith(image));
			return { place: 'upload', item };
		}
		return { place: 'submit', item: itemOf({ trackId: String(sent.track_id) }) };
	}

	/** The latest job of an item. */
	private jobOf(item: number | undefined): JobRecord | undefined {
		return this.backing.service.jobs.findLast((job) => itemOf(job) === item);
	}

	/** The ID of the item's job as it is told, where it is told in its own way. */
	private get ownId(): string | undefined {
		return this.spoiling.rawId?.replace(/^"|"$/g, '');
	}

	/** What the service says of the item's job, in the service's own way. */
	private dressed(text: string): string {
		const { rawId, isIdNested, hasMirror, item } = this.spoiling;
		const id = this.jobOf(item)?.id;
		if (id === undefined || (rawId === undefined && !hasMirror)) return text;
		const answer: unknown = JSON.parse(text);
		if (!isObject(answer) || answer.id !== id) return text;
		if (rawId !== undefined) delete answer.fetch_result;
		if (hasMirror && answer.status === 'success') {
			answer.proxy_links = (answer.output as string[]).map((url) => `${url}?mirror`);
		}
		const own = rawId === undefined ? `"id":${id}` : `"id":${rawId}`;
		return JSON.stringify(answer).replace(`"id":${id}`, isIdNested ? `"data":{${own}}` : own);
	}

	/** The service's address of itself, as the node knows it. */
	private outside(text: string): string {
		const { origin } = this.backing.service;
		const spoilt = this.backing.service.jobs
			.filter((job) => itemOf(job) === this.spoiling.item)
			.flatMap(({ outputs }) => outputs);
		return spoilt
			.reduce((rest, url) => rest.replaceAll(url, url.replace(origin, this.files.origin)), text)
			.replaceAll(origin, this.api.origin);
	}

	/** Asks the stand-in service. */
	private async forward(
		{ method, headers }: IncomingMessage,
		{ path: asked, place, item, body }: Exchange,
	): Promise<Right> {
		const { origin } = this.backing.service;
		const inside = body.replaceAll(this.api.origin, origin);
		const isOwn = place === 'fetch' && item === this.spoiling.item && this.ownId !== undefined;
		const path = isOwn
			? asked.replace(/\/fetch.*$/, `/fetch/${this.jobOf(item)?.id}`)
			: asked.replace(/\?(moved|mirror)$/, '');
		const own = { ...headers, host: new URL(origin).host, 'content-length': Buffer.byteLength(inside) };
		return await new Promise((resolve, reject) => {
			const onward = send(origin + path, { method, headers: own }, (answer) => {
				const chunks: Buffer[] = [];
				answer.on('data', (chunk: Buffer) => chunks.push(chunk));
				answer.once('end', () => {
					const type = String(answer.headers['content-type']);
					const bytes = Buffer.concat(chunks);
					const told = type.includes('json')
						? Buffer.from(this.outside(this.dressed(bytes.toString())))
						: bytes;
					resolve({ status: answer.statusCode ?? 0, headers: { 'content-type': type }, body: told });
				});
			});
			onward.once('error', reject);
			onward.end(inside);
		});
	}
}

/** The input item of a job, by its mark. */
export function itemOf(job: Pick<JobRecord, 'trackId'> | undefined): number | undefined {
	const number = /^item-(\d+)$/.exec(job?.trackId ?? '')?.[1];
	return number === undefined ? undefined : Number(number);
}
