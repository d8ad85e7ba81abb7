import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

import { fileAnswer, jsonAnswer, pageAnswer, send, sendSpoilt, type Answer } from './answers.mts';
import { BoundedMap } from './bounded.mts';
import { systemClock, type Clock } from './clock.mts';
import { FaultFormatError, FaultList, parseFault, type Fault, type FaultPlace } from './faults.mts';
import { fetchImage, PictureError, PictureStore, readUpload, type Upload } from './images.mts';
import { JobQueue, type Job, type JobRecord, type QueueSettings } from './jobs.mts';
import { Outputs } from './outputs.mts';
import { readParameters, type Endpoint } from './parameters.mts';
import { Webhooks, type WebhookMode } from './webhooks.mts';

/** What `eta` says: the truth, nothing, or the truth times a factor. */
export type EtaMode = 'exact' | 'missing' | { factor: number };

/** What can be changed while it runs; it holds for the jobs submitted afterwards. */
export interface LocalApiSettings {
	/** How long a job works, in s, default 3; 0 = the submit's answer says `success`. Jobs are numbered from 1. */
	jobSeconds: number | ((jobNumber: number) => number);
	/** Jobs worked at the same time, first in, first out; default 2. */
	parallel: number;
	/** Open jobs (queued or working) per key; one more is refused with 429. Default 5. */
	queueLimit: number;
	/** Default 'exact'. */
	eta: EtaMode;
	/** Default 'once'. */
	webhooks: WebhookMode;
}

export interface LocalApiOptions extends Partial<LocalApiSettings> {
	/** Port on 127.0.0.1; default 0, any free one. */
	port?: number;
	/** Where all job time is read from; default the system's. */
	clock?: Clock;
	/** Keys that are answered "Invalid Api Key"; default ['wrong-key']. */
	refusedKeys?: string[];
	/** Keys whose submits are answered 402; default ['empty-wallet']. */
	creditlessKeys?: string[];
	/** Most jobs, and most requests, that are kept; default 10000. */
	maxRecords?: number;
	/** Folder behind /samples; default `samples` in the working directory. */
	samplesDir?: string;
	/** Gets a line per request and webhook call, never with a key; default silent. */
	log?: (line: string) => void;
}

/** A request that was received. */
export interface RequestRecord {
	method: string;
	/** With the query, if there is one. */
	path: string;
	headers: Record<string, string>;
	/** The parsed JSON, or the text that is none. Strings over 10,000 characters are shortened. */
	body: unknown;
	/** The clock's ms. */
	at: number;
	/** Kind of the fault that hit it. */
	faulted?: string;
}

export interface LocalApi {
	/** http://127.0.0.1:PORT */
	origin: string;
	/** The credential's Base URL. */
	baseUrl: string;
	/** Every job that was accepted, that is: paid for. */
	jobs: readonly JobRecord[];
	/** Every request that was received. */
	requests: readonly RequestRecord[];
	/** HTTP requests that are being answered right now. */
	inFlight(): number;
	configure(settings: Partial<LocalApiSettings>): void;
	addFault(fault: Fault): void;
	clearFaults(): void;
	/** Closes every connection and drops the webhook calls that are still to come. */
	stop(): Promise<void>;
}

type Body = Record<string, unknown>;

/** A request on its way to its answer. */
interface Exchange {
	body: Body;
	/** The path's parameter: a job's id, or a file's name. */
	name: string;
	fault: Fault | undefined;
	record: RequestRecord;
}

type Handler = (exchange: Exchange) => Promise<Answer> | Answer;

const BODY_LIMIT = 30 * 1024 * 1024;
const UPLOADS_SIZE = 256 * 1024 * 1024;
const LONGEST_RECORDED_TEXT = 10_000;

const CONTENT_TYPES: Record<string, string> = {
	gif: 'image/gif',
	ply: 'application/x-ply',
	png: 'image/png',
	jpg: 'image/jpeg',
	jpeg: 'image/jpeg',
	webp: 'image/webp',
	svg: 'image/svg+xml',
};

const ABOUT =
	"A stand-in for the img_to_3d API, for development and tests. It is not the service and not the service's model: it cuts the foreground out of the picture, inflates its silhouette to a closed mesh, and renders that.";

const KEY_TIP =
	'1. Make sure you are passing Content-Type: application/json in header. 2. Make sure you are doing POST request with valid JSON. 3. Make sure your JSON does not have errors, use jsonlint to validate json array. 4. Make sure you have valid API key.';

const CREDITLESS = 'Insufficient credits. Please add more credits to continue.';

function contentTypeOf(name: string): string {
	return CONTENT_TYPES[path.extname(name).slice(1).toLowerCase()] ?? 'application/octet-stream';
}

function isObject(value: unknown): value is Body {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortened(value: unknown): unknown {
	if (typeof value === 'string' && value.length > LONGEST_RECORDED_TEXT) {
		return `${value.slice(0, 100)}… (${value.length} characters)`;
	}
	if (!isObject(value)) return value;
	return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, shortened(item)]));
}

function errorAnswer(message: unknown, status = 200, more: Body = {}): Answer {
	return jsonAnswer({ status: 'error', message, ...more }, status);
}

/** What a client sees the beginning of when the answer to a submit that was not accepted breaks off. */
const UNFINISHED = jsonAnswer({
	status: 'processing',
	tip: 'for faster speed, keep resolution upto 512x512',
	messege: 'Try to fetch request after given estimated time',
	output: [],
});

function needsAcceptance(fault: Fault): boolean {
	return fault.accept === true || ['edit', 'drip', 'failJob'].includes(fault.do.kind);
}

class Service {
	readonly settings: LocalApiSettings & QueueSettings;

	readonly faults = new FaultList();

	readonly requests: RequestRecord[] = [];

	readonly queue: JobQueue;

	readonly webhooks: Webhooks;

	origin = '';

	answering = 0;

	private readonly clock: Clock;

	private readonly pictures = new PictureStore();

	private readonly outputs = new Outputs(this.pictures);

	private readonly uploads = new BoundedMap<Upload>(UPLOADS_SIZE);

	private readonly records = new WeakMap<FastifyRequest, RequestRecord>();

	private uploadCount = 0;

	private readonly log: (line: string) => void;

	constructor(private readonly options: LocalApiOptions) {
		this.settings = {
			jobSeconds: options.jobSeconds ?? 3,
			parallel: options.parallel ?? 2,
			queueLimit: options.queueLimit ?? 5,
			eta: options.eta ?? 'exact',
			webhooks: options.webhooks ?? 'once',
			maxRecords: options.maxRecords ?? 10_000,
		};
		this.clock = options.clock ?? systemClock;
		this.log = options.log ?? (() => undefined);
		this.queue = new JobQueue(this.clock, this.settings, (name) => `${this.origin}/files/${name}`);
		this.webhooks = new Webhooks(this.clock, this.log);
	}

	/** Wires the routes into an HTTP server. */
	register(app: FastifyInstance): void {
		app.removeAllContentTypeParsers();
		app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
		app.addHook('onRequest', (request, reply, done) => {
			this.receive(request, reply);
			done();
		});

		app.post('/api/v3/img_to_3d', this.api('submit', async (exchange) => await this.submit('img_to_3d', exchange)));
		app.post('/api/v3/txt_to_3d', this.api('submit', async (exchange) => await this.submit('txt_to_3d', exchange)));
		app.post('/api/v3/fetch/:name', this.api('fetch', (exchange) => this.fetchJob(exchange)));
		app.post('/api/v3/base64_crop', this.api('upload', async (exchange) => await this.upload(exchange)));
		app.post('/api/v3/system_load', this.api('system_load', () => this.systemLoad()));
		app.post('/api/wallet_balance', this.api(undefined, (exchange) => this.walletBalance(exchange)));
		app.get('/files/:name', this.route('download', async ({ name }) => await this.download(name)));
		app.get('/samples/:name', this.route(undefined, async ({ name }) => await this.sample(name)));

		app.get('/local-api', this.route(undefined, () => this.describe()));
		app.post('/local-api/faults', this.route(undefined, ({ record }) => this.postFaults(record.body)));
		app.delete('/local-api/faults', this.route(undefined, () => this.deleteFaults()));

		app.setNotFoundHandler((_request, reply) => send(reply, pageAnswer(404)));
		app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
			if (error.statusCode === undefined) this.log(`failed: ${error.message}`);
			send(reply, errorAnswer(error.message, error.statusCode ?? 500));
		});
	}

	private receive(request: FastifyRequest, reply: FastifyReply): void {
		const started = performance.now();
		const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
		const record: RequestRecord = {
			method: request.method,
			path: request.url,
			headers: Object.fromEntries(headers),
			body: undefined,
			at: this.clock.now(),
		};
		this.records.set(request, record);
		this.requests.push(record);
		while (this.requests.length > this.settings.maxRecords) this.requests.shift();
		this.answering += 1;
		reply.raw.once('close', () => {
			this.answering -= 1;
			const outcome = record.faulted === undefined ? String(reply.raw.statusCode) : `fault: ${record.faulted}`;
			// A query could hold a key that somebody put there by mistake.
			const [pathname = ''] = record.path.split('?');
			this.log(`${record.method} ${pathname} ${outcome} ${Math.round(performance.now() - started)} ms`);
		});
	}

	/** A route that answers with the handler's answer, or as a fault says. */
	private route(place: FaultPlace | undefined, handler: Handler) {
		return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
			const record = this.records.get(request);
			if (!record) throw new Error('The request was not recorded');
			const text = Buffer.isBuffer(request.body) ? request.body.toString() : '';
			let isMalformed = false;
			try {
				record.body = text === '' ? undefined : shortenedJson(text);
			} catch {
				record.body = shortened(text);
				isMalformed = true;
			}
			const fault = place && this.faults.take(place);
			if (fault) record.faulted = fault.do.kind;

			const right = async (): Promise<Answer> => {
				if (isMalformed) return errorAnswer('Malformed JSON in the request body', 400);
				const isJson = /^application\/json\b/i.test(record.headers['content-type'] ?? '');
				const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : {};
				const { name = '' } = request.params as { name?: string };
				return await handler({ body: isObject(parsed) ? parsed : {}, name, fault, record });
			};
			if (!fault) send(reply, await right());
			else if (place === 'submit' && !needsAcceptance(fault)) sendSpoilt(reply, UNFINISHED, fault.do);
			else sendSpoilt(reply, await right(), fault.do);
			return reply;
		};
	}

	/** A route of the API: the body has to carry a key that is not refused. */
	private api(place: FaultPlace | undefined, handler: Handler) {
		return this.route(place, (exchange) => {
			const { key } = exchange.body;
			const refused = this.options.refusedKeys ?? ['wrong-key'];
			if (typeof key !== 'string' || key === '' || refused.includes(key)) {
				return errorAnswer('Invalid Api Key', 200, { tip: KEY_TIP });
			}
			return handler(exchange);
		});
	}

	private async submit(endpoint: Endpoint, { body, fault, record }: Exchange): Promise<Answer> {
		const key = String(body.key);
		const read = readParameters(endpoint, body);
		if ('errors' in read) return errorAnswer(read.errors);
		const { parameters } = read;
		if (this.hasNoCredit(key)) return errorAnswer(CREDITLESS, 402);
		if (this.queue.secondsUntilPlace(key) > 0) return this.queueFull(key);

		let picture: string | undefined;
		if (endpoint === 'img_to_3d') {
			if (this.faults.take('image')) {
				record.faulted = 'image';
				return errorAnswer('Unable to fetch image from provided URL');
			}
			try {
				picture = await this.pictures.add(await this.imageBehind(parameters.image));
			} catch (error) {
				if (!(error instanceof PictureError)) throw error;
				this.log(`image refused: ${error.message}`);
				return errorAnswer('Unable to fetch image from provided URL');
			}
			// Other submits may have taken the place while the picture was on its way.
			if (this.queue.secondsUntilPlace(key) > 0) return this.queueFull(key);
		}

		const failure = fault?.do.kind === 'failJob' ? (fault.do.message ?? 'Failed, Try Again') : undefined;
		const job = this.queue.accept({ key, body, parameters, picture, failure });
		const { webhook, endsAt } = job.record;
		if (webhook !== null) this.webhooks.schedule(webhook, endsAt, this.settings.webhooks, this.webhookBody(job));
		return this.jobAnswer(job);
	}

	private queueFull(key: string): Answer {
		const seconds = Math.ceil(this.queue.secondsUntilPlace(key));
		return errorAnswer(`Rate limit exceeded. Maximum ${this.settings.queueLimit} queued requests allowed.`, 429, {
			...(Number.isFinite(seconds) ? { retry_after: seconds } : {}),
		});
	}

	/** The file behind an image link. Links to this server are read without a request, which would use up faults. */
	private async imageBehind(link: string): Promise<Buffer> {
		const url = URL.canParse(link) ? new URL(link) : undefined;
		if (url?.origin !== this.origin) return await fetchImage(link);
		const name = path.posix.basename(decoded(url.pathname));
		if (url.pathname.startsWith('/samples/')) return (await this.sample(name)).body;
		const answer = await this.download(name);
		if (answer.status !== 200) throw new PictureError(`no file ${name}`);
		return answer.body;
	}

	private jobAnswer(job: Job): Answer {
		if (this.queue.hasEnded(job)) return jsonAnswer(this.endedBody(job));
		const { id, endsAt, outputs } = job.record;
		const { eta } = this.settings;
		const seconds = (endsAt - this.clock.now()) / 1000;
		return jsonAnswer({
			status: 'processing',
			tip: 'for faster speed, keep resolution upto 512x512',
			...(eta === 'missing' ? {} : { eta: eta === 'exact' ? seconds : seconds * eta.factor }),
			messege: 'Try to fetch request after given estimated time',
			fetch_result: `${this.origin}/api/v3/fetch/${id}`,
			id,
			output: [],
			meta: job.meta,
			future_links: outputs,
		});
	}

	private endedBody({ record, meta }: Job): Body {
		const { id, outcome, failure, outputs, startedAt, endsAt } = record;
		if (outcome === 'failed') return { status: 'failed', id, message: failure, output: '' };
		return { status: 'success', generationTime: (endsAt - startedAt) / 1000, id, output: outputs, meta };
	}

	private webhookBody({ record, meta }: Job): Body {
		const { id, trackId, outcome, failure, outputs, startedAt, endsAt } = record;
		if (outcome === 'failed') return { status: 'failed', id, track_id: trackId, message: failure };
		const generationTime = (endsAt - startedAt) / 1000;
		return { status: 'success', id, track_id: trackId, output: outputs, generationTime, meta };
	}

	private fetchJob({ name, body }: Exchange): Answer {
		const job = this.queue.find(name, String(body.key));
		return job ? this.jobAnswer(job) : jsonAnswer({ status: 'error', messege: 'Request not found' });
	}

	private async upload({ body }: Exchange): Promise<Answer> {
		if (typeof body.image !== 'string' || body.image === '') {
			return errorAnswer({ image: ['The image field is required.'] });
		}
		try {
			const upload = await readUpload(body.image, body.crop === 'true' || body.crop === true);
			const name = `${randomUUID()}.${upload.extension}`;
			this.uploads.set(name, upload, upload.file.length);
			this.uploadCount += 1;
			return jsonAnswer({
				status: 'success',
				messege: 'image uploaded',
				link: `${this.origin}/files/${name}`,
				request_id: this.uploadCount,
			});
		} catch (error) {
			if (error instanceof PictureError) return errorAnswer(error.message);
			throw error;
		}
	}

	private systemLoad(): Answer {
		return jsonAnswer({
			queue_num: this.queue.open().length,
			queue_time: this.queue.secondsUntilStart(),
			status: 'ok',
		});
	}

	private hasNoCredit(key: string): boolean {
		return (this.options.creditlessKeys ?? ['empty-wallet']).includes(key);
	}

	private walletBalance({ body }: Exchange): Answer {
		const balance = this.hasNoCredit(String(body.key)) ? 0 : 43.6;
		return jsonAnswer({ status: 'success', data: { balance, currency: 'USD' } });
	}

	private async download(name: string): Promise<Answer> {
		const upload = this.uploads.get(name);
		if (upload) return fileAnswer(upload.file, upload.contentType);
		const output = this.queue.output(name);
		const file = output && (await this.outputs.file(output.job, output.index));
		return file ? fileAnswer(file, contentTypeOf(name)) : pageAnswer(404);
	}

	private async sample(name: string): Promise<Answer> {
		const folder = this.options.samplesDir ?? path.join(process.cwd(), 'samples');
		try {
			return fileAnswer(await readFile(path.join(folder, path.basename(name))), contentTypeOf(name));
		} catch {
			return pageAnswer(404);
		}
	}

	private describe(): Answer {
		const { jobSeconds } = this.settings;
		const now = this.clock.now();
		const jobs = this.queue.records.slice(-20).map(({ id, endpoint, acceptedAt, startedAt, endsAt, outcome }) => ({
			id,
			endpoint,
			state: endsAt <= now ? outcome : startedAt <= now ? 'working' : 'queued',
			acceptedAt: new Date(acceptedAt).toISOString(),
		}));
		const answer = jsonAnswer({
			about: ABOUT,
			baseUrl: `${this.origin}/api`,
			settings: { ...this.settings, jobSeconds: typeof jobSeconds === 'function' ? 'by job number' : jobSeconds },
			faults: this.faults.describe(),
			jobsAccepted: this.queue.records.length,
			jobsOpen: this.queue.open().length,
			latestJobs: jobs,
		});
		return { ...answer, body: Buffer.from(`${JSON.stringify(answer.json, null, 2)}\n`) };
	}

	private postFaults(source: unknown): Answer {
		try {
			const faults = (Array.isArray(source) ? source : [source]).map(parseFault);
			for (const fault of faults) this.faults.add(fault);
			return jsonAnswer({ status: 'success', faults: this.faults.describe() });
		} catch (error) {
			if (error instanceof FaultFormatError) return errorAnswer(error.message, 400);
			throw error;
		}
	}

	private deleteFaults(): Answer {
		this.faults.clear();
		return jsonAnswer({ status: 'success', faults: [] });
	}
}

function decoded(pathname: string): string {
	try {
		return decodeURIComponent(pathname);
	} catch {
		throw new PictureError('the link is not a valid URL');
	}
}

function shortenedJson(text: string): unknown {
	return shortened(JSON.parse(text));
}

/**
 * Starts the stand-in service on 127.0.0.1.
 * @throws the system's error when the port cannot be had (`code: 'EADDRINUSE'`, for one)
 */
export async function startLocalApi(options: LocalApiOptions = {}): Promise<LocalApi> {
	const service = new Service(options);
	const app = fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true });
	service.register(app);
	await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
	const { port } = app.server.address() as AddressInfo;
	service.origin = `http://127.0.0.1:${port}`;
	return {
		origin: service.origin,
		baseUrl: `${service.origin}/api`,
		jobs: service.queue.records,
		requests: service.requests,
		inFlight: () => service.answering,
		configure: (settings) => Object.assign(service.settings, settings),
		addFault: (fault) => service.faults.add(fault),
		clearFaults: () => service.faults.clear(),
		async stop() {
			service.webhooks.stop();
			await app.close();
		},
	};
}
