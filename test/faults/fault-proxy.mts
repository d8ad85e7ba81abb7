/** The proxy between the node and the stand-in service. It injects a fault into requests. */
import { type IncomingMessage, request as send, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

import { isObject } from '../../local-api/json.mts';
import type { Clock, LocalApi } from '../../local-api/index.mts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { letClockMoveDuring } from '../support/exchanges.mts';
import type { AnswerMaker, FaultyAnswer, PendingAnswer, RequestPlace, Way } from './fault-entry.mts';
import { type Listener, NamedServer, type Names, processNames } from './named-server.mts';

/** A pause between two bytes of a slow answer, ms. */
const DRIP_MS = 10_000;

/** What a proxy works with. */
export interface Backing {
	clock: Pick<Clock, 'now' | 'sleep'>;
	service: Pick<LocalApi, 'origin' | 'jobs'>;
	/** Default: the names of this process. */
	names?: Names;
	/** A part of the proxy's host names, so that they differ from those of other proxies. */
	label?: string;
}

/** A request to the proxy, and its answer. */
export interface Exchange {
	place?: RequestPlace;
	/** The input item of the request. */
	item?: number;
	/** ms of the clock */
	at: number;
	path: string;
	headers: string;
	body: string;
	isHit: boolean;
	/** The answer, if it was sent in full. */
	answer?: string;
}

/** Which requests a fault hits, and how. */
export interface FaultPlan {
	place?: RequestPlace;
	way: Way;
	/** Whether every request of the item is hit, or only the first one. */
	isPersistent: boolean;
	/** Whether the service accepts a submit that is hit. It is then paid. */
	isAccepted: boolean;
	/** The item whose requests are hit. If the connection itself fails, those of all items are. */
	item: number;
	/** How long an outage lasts if it is not persistent, s. */
	outageSeconds: number;
	/** How long an answer asks the node to wait, s. */
	waitSeconds: number;
	/** How many requests are hit if the fault is not persistent. */
	times: number;
	/** The ID of the item's job in the JSON of the service, if it is not a plain number. */
	rawId?: string;
	isIdNested: boolean;
	/** Whether the item's files have a second URL, which is never hit. */
	hasMirror: boolean;
}

interface RightAnswer {
	status: number;
	headers: Record<string, string>;
	body: Buffer;
}

/** For a submit that the proxy does not send to the service. */
const NOTHING: RightAnswer = { status: 200, headers: {}, body: Buffer.alloc(0) };

/** The service as the node sees it. The files of one item have a server of their own, which can be closed for this item only. */
export class FaultProxy {
	readonly exchanges: Exchange[] = [];
	private readonly api: NamedServer;
	private readonly files: NamedServer;
	private isArmed = false;
	private isClosed = false;
	private hits = 0;
	private firstHitAt?: number;
	/** Makes the answer to the next fetch of the item. */
	private nextFetch?: AnswerMaker;
	private readonly done = new Set<string>();

	private constructor(
		private readonly backing: Backing,
		private readonly key: string,
		private readonly plan: FaultPlan,
		private readonly images: readonly string[],
		isPublic: boolean,
	) {
		const { names: known = processNames, label = '' } = backing;
		const domain = isPublic ? 'example.com' : 'localhost';
		const listener: Listener = async (request, response) => await this.handle(request, response);
		this.api = new NamedServer(`service${label}.${domain}`, known, listener);
		this.files = new NamedServer(`files${label}.${domain}`, known, listener);
	}

	/** @param images the files of the input items, base64 */
	static async open(
		backing: Backing,
		key: string,
		plan: FaultPlan,
		images: readonly string[],
		isPublic: boolean,
	): Promise<FaultProxy> {
		const proxy = new FaultProxy(backing, key, plan, images, isPublic);
		await proxy.api.open();
		await proxy.files.open();
		return proxy;
	}

	async close(): Promise<void> {
		this.isClosed = true;
		await this.api.close();
		await this.files.close();
		this.api.forget();
		this.files.forget();
	}

	get baseUrl(): string {
		const { origin } = this.api;
		return `${this.plan.way === 'noTls' ? origin.replace('http:', 'https:') : origin}/api`;
	}

	/** The hosts to which the node may send requests. */
	get hosts(): string[] {
		return [new URL(this.api.origin).host, new URL(this.files.origin).host];
	}

	/** Starts to inject the fault. */
	async arm(): Promise<void> {
		this.isArmed = true;
		if (this.isOutage && !this.isWaitingForJobs) await this.beginOutage();
	}

	/** Replaces the answer to the next fetch of the item. */
	replaceNextFetch(make: AnswerMaker | undefined): void {
		this.nextFetch = make;
	}

	private get isOutage(): boolean {
		return ['closed', 'unresolved', 'noTls'].includes(String(this.plan.way));
	}

	/** An outage that is to hit fetches begins when the jobs are submitted. */
	private get isWaitingForJobs(): boolean {
		return this.plan.place === 'fetch' && this.backing.service.jobs.length === 0;
	}

	private async beginOutage(): Promise<void> {
		const { place, way, isPersistent, outageSeconds } = this.plan;
		const server = place === 'download' ? this.files : this.api;
		if (way === 'noTls') return;
		this.hits += 1;
		if (way === 'unresolved') server.setName(false);
		else await server.close();
		if (isPersistent) return;
		void this.backing.clock.sleep(outageSeconds * 1000).then(async () => {
			if (this.isClosed) return;
			server.setName(true);
			if (way === 'closed') await server.open();
		});
	}

	private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const exchange = await this.record(request);
		response.setHeader('connection', 'close');
		const isHit = this.isHit(exchange);
		const isBlocked = isHit && exchange.place === 'submit' && !this.plan.isAccepted;
		const right = isBlocked ? NOTHING : await this.forward(request, exchange);
		const meanwhile = this.takeNextFetch(exchange);
		if (!isHit && !meanwhile) {
			this.pass(exchange, right, response);
			return;
		}
		const way = meanwhile ?? this.plan.way;
		const faulty = typeof way === 'function' ? way(this.describePendingAnswer(exchange, right)) : way;
		if (faulty === undefined) {
			this.pass(exchange, right, response);
			return;
		}
		this.hits += 1;
		exchange.isHit = true;
		if (typeof faulty === 'string') await this.breakAnswer(faulty, right, request, response);
		else await this.sendFaultyAnswer(faulty, exchange, request, response);
	}

	private takeNextFetch({ place, item }: Exchange): AnswerMaker | undefined {
		const { nextFetch } = this;
		if (place !== 'fetch' || item !== this.plan.item) return undefined;
		this.nextFetch = undefined;
		return nextFetch;
	}

	private async record(request: IncomingMessage): Promise<Exchange> {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		const body = Buffer.concat(chunks).toString();
		const path = request.url ?? '';
		const exchange: Exchange = {
			...this.findOwner(path, body),
			at: this.backing.clock.now(),
			path,
			headers: JSON.stringify(request.headers),
			body,
			isHit: false,
		};
		this.exchanges.push(exchange);
		return exchange;
	}

	/** Sends the right answer in part, slowly, or not at all. */
	private async breakAnswer(
		way: Exclude<Way, AnswerMaker>,
		right: RightAnswer,
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
				letClockMoveDuring(socket);
				return;
			case 'drip':
				letClockMoveDuring(socket);
				await this.drip(right, response);
				return;
			default:
				throw new Error(`During an outage, there are no requests: "${way}".`);
		}
	}

	private async sendFaultyAnswer(
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
		exchange.answer = String(body);
		const announced = Number(headers?.['content-length'] ?? 0);
		if (announced > body.length) response.write(body, () => socket.end());
		else response.end(body);
	}

	private isHit({ place, item }: Exchange): boolean {
		const { plan, hits, isOutage } = this;
		if (!this.isArmed || isOutage || place !== plan.place || item !== plan.item) return false;
		return plan.isPersistent || hits < plan.times;
	}

	private pass(exchange: Exchange, right: RightAnswer, response: ServerResponse): void {
		exchange.answer = right.body.toString();
		if (exchange.place === 'submit' && this.isOutage && this.plan.place === 'fetch') {
			// The outage begins in the same turn of the event loop as the last answer, so that nothing is fetched before.
			response.once('close', () => {
				const answered = this.exchanges.filter(({ place, answer }) => place === 'submit' && answer);
				if (this.isArmed && answered.length === this.images.length && this.hits === 0)
					void this.beginOutage();
			});
		}
		response.writeHead(right.status, right.headers);
		response.end(right.body);
	}

	private async drip({ status, headers, body }: RightAnswer, response: ServerResponse): Promise<void> {
		response.writeHead(status, { ...headers, 'content-length': body.length });
		response.flushHeaders();
		for (let sent = 0; sent < body.length && !response.destroyed; sent++) {
			response.write(body.subarray(sent, sent + 1));
			await this.backing.clock.sleep(DRIP_MS);
		}
		response.end();
	}

	private describePendingAnswer({ item, path }: Exchange, { body, headers }: RightAnswer): PendingAnswer {
		const job = this.findJob(item);
		const wasDone = job !== undefined && this.done.has(String(job.id));
		if (job) this.done.add(String(job.id));
		const now = this.backing.clock.now();
		this.firstHitAt ??= now;
		return {
			right: { body, headers },
			now,
			sinceFirst: (now - this.firstHitAt) / 1000,
			waitSeconds: this.plan.waitSeconds,
			key: this.key,
			outputs: (job?.outputs ?? []).map((url) => this.replaceOrigins(url)),
			elsewhere: `${this.api.origin}${path}?moved`,
			wasDone,
		};
	}

	private findOwner(path: string, body: string): Pick<Exchange, 'place' | 'item'> {
		const last = path.split('?')[0]?.split('/').pop() ?? '';
		const { jobs } = this.backing.service;
		if (path.startsWith('/files/')) {
			const job = jobs.find(({ outputs }) => outputs.some((url) => url.endsWith(last)));
			return { place: /\?(moved|mirror)$/.test(path) ? undefined : 'download', item: findItem(job) };
		}
		const json: unknown = JSON.parse(body);
		const sent = isObject(json) ? json : {};
		if (path.includes('/fetch')) {
			const id = path.endsWith('/fetch') ? String(sent.request_id) : decodeURIComponent(last);
			if (id === this.ownId) return { place: 'fetch', item: this.plan.item };
			return { place: 'fetch', item: findItem(jobs.find((job) => `${job.id}` === id)) };
		}
		const file = sent.base64_image ?? (path.endsWith('/base64_crop') ? sent.image : undefined);
		if (file !== undefined) {
			const item = this.images.findIndex((image) => String(file).endsWith(image));
			return { place: 'upload', item };
		}
		// The list of the account's jobs does not say whose they are.
		if (/\/assets_generated$/.test(path)) return {};
		return { place: 'submit', item: findItem({ trackId: String(sent.track_id) }) };
	}

	/** Finds the latest job of an item. */
	private findJob(item: number | undefined): JobRecord | undefined {
		return this.backing.service.jobs.findLast((job) => findItem(job) === item);
	}

	/** The ID that the node knows, if it is not a plain number. */
	private get ownId(): string | undefined {
		return this.plan.rawId?.replace(/^"|"$/g, '');
	}

	/** Changes an answer about the item's job as the plan says: its ID, and its mirrors. */
	private adaptAnswer(text: string): string {
		const { rawId, isIdNested, hasMirror, item } = this.plan;
		const id = this.findJob(item)?.id;
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

	/** Replaces the origin of the stand-in service by those of the proxy. */
	private replaceOrigins(text: string): string {
		const { origin } = this.backing.service;
		const hit = this.backing.service.jobs
			.filter((job) => findItem(job) === this.plan.item)
			.flatMap(({ outputs }) => outputs);
		return hit
			.reduce((rest, url) => rest.replaceAll(url, url.replace(origin, this.files.origin)), text)
			.replaceAll(origin, this.api.origin);
	}

	/** Sends a request to the stand-in service. */
	private async forward(
		{ method, headers }: IncomingMessage,
		{ path: requested, place, item, body }: Exchange,
	): Promise<RightAnswer> {
		const { origin } = this.backing.service;
		const own = body.replaceAll(this.api.origin, origin);
		const isOwn = place === 'fetch' && item === this.plan.item && this.ownId !== undefined;
		const path = isOwn
			? requested.replace(/\/fetch.*$/, `/fetch/${this.findJob(item)?.id}`)
			: requested.replace(/\?(moved|mirror)$/, '');
		const ownHeaders = { ...headers, host: new URL(origin).host, 'content-length': Buffer.byteLength(own) };
		return await new Promise((resolve, reject) => {
			const onward = send(origin + path, { method, headers: ownHeaders }, (answer) => {
				const chunks: Buffer[] = [];
				answer.on('data', (chunk: Buffer) => chunks.push(chunk));
				answer.once('end', () => {
					const type = String(answer.headers['content-type']);
					const bytes = Buffer.concat(chunks);
					const changed = type.includes('json')
						? Buffer.from(this.replaceOrigins(this.adaptAnswer(bytes.toString())))
						: bytes;
					resolve({ status: answer.statusCode ?? 0, headers: { 'content-type': type }, body: changed });
				});
			});
			onward.once('error', reject);
			onward.end(own);
		});
	}
}

/** Finds the input item of a job by its track ID. */
export function findItem(job: Pick<JobRecord, 'trackId'> | undefined): number | undefined {
	const number = /^item-(\d+)$/.exec(job?.trackId ?? '')?.[1];
	return number === undefined ? undefined : Number(number);
}
