import type { AddressInfo } from 'node:net';

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

import { answerError, answerJson, answerPage, send, type Answer } from './answers.mts';
import type { Fault, FaultPlace, Target } from './faults.mts';
import { UNFINISHED } from './job-answers.mts';
import { readRequestId } from './job-ids.mts';
import type { JobRecord } from './jobs.mts';
import { isObject } from './json.mts';
import { isMeantForLoopback } from './loopback.mts';
import type { LocalApiOptions, LocalApiSettings } from './options.mts';
import { API_PATHS, API_VERSIONS, ENDPOINTS } from './parameters.mts';
import { Service, type Call } from './service.mts';
import { sendSpoiled } from './spoil.mts';
import type { CallRecord } from './webhooks.mts';

/** A request that was received. */
export interface RequestRecord {
	method: string;
	/** With the query, if any. */
	path: string;
	headers: Record<string, string>;
	/** The parsed JSON, or the text if it is not JSON. Strings over 10,000 characters are shortened. */
	body: unknown;
	/** The clock's ms. */
	at: number;
	/** The HTTP status of the answer. Absent until then. A refused submit has 429. */
	status?: number;
	/** The kind of the fault that hit the request. */
	faulted?: string;
}

export interface LocalApi {
	/** http://127.0.0.1:PORT */
	origin: string;
	/** The credential's Base URL. */
	baseUrl: string;
	/** Every job that was accepted, and so paid for. */
	jobs: readonly JobRecord[];
	/** Every request that was received. */
	requests: readonly RequestRecord[];
	/** Every webhook call that was made. */
	calls: readonly CallRecord[];
	/** The number of HTTP requests that are not answered yet. */
	inFlight(): number;
	configure(settings: Partial<LocalApiSettings>): void;
	addFault(fault: Fault): void;
	clearFaults(): void;
	/** Closes every connection, and drops the webhook calls that are not made yet. */
	stop(): Promise<void>;
}

/** A call with its whole JSON of any type. */
interface Exchange extends Call {
	json: unknown;
	/** Whether its content type says that it is JSON. */
	isJson: boolean;
}

/** Finds what decides which fault hits a request. @param name the ID or file in its path */
type Aim = (name: string) => Target;

type Handler = (exchange: Exchange) => Promise<Answer> | Answer;

const BODY_LIMIT = 30 * 1024 * 1024;
/** Longest ID in a path. The limit of the router is 100. */
const LONGEST_NAME = 8_000;
const LONGEST_RECORDED_TEXT = 10_000;

function shorten(value: unknown): unknown {
	if (typeof value === 'string' && value.length > LONGEST_RECORDED_TEXT) {
		return `${value.slice(0, 100)}… (${value.length} characters)`;
	}
	if (!isObject(value)) return value;
	return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, shorten(item)]));
}

function parse(text: string): { json: unknown; isMalformed: boolean } {
	if (text === '') return { json: undefined, isMalformed: false };
	try {
		return { json: JSON.parse(text) as unknown, isMalformed: false };
	} catch {
		return { json: text, isMalformed: true };
	}
}

/** Whether a submit is accepted although this fault hits it. */
function isAccepted(fault: Fault): boolean {
	return (
		fault.accept === true || ['edit', 'code', 'byteOrderMark', 'drip', 'failJob'].includes(fault.do.kind)
	);
}

/** The HTTP side of the service: routes, the record of requests, and faults. */
class Server {
	readonly requests: RequestRecord[] = [];

	answering = 0;

	private readonly records = new WeakMap<FastifyRequest, RequestRecord>();

	constructor(private readonly service: Service) {}

	register(app: FastifyInstance): void {
		app.removeAllContentTypeParsers();
		app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
		this.addHooks(app);
		this.addJobs(app);
		this.addUploads(app);
		this.addAccount(app);
		this.addFiles(app);
		this.addControls(app);
		app.setNotFoundHandler((_request, reply) => send(reply, answerPage(404)));
		app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
			if (error.statusCode === undefined) this.service.log(`failed: ${error.message}`);
			send(reply, answerError(error.message, error.statusCode ?? 500));
		});
	}

	private addHooks(app: FastifyInstance): void {
		app.addHook('onRequest', (request, reply, done) => {
			this.record(request, reply);
			if (isMeantForLoopback(request.headers.host)) return done();
			send(reply, answerError('This is a stand-in for this machine only: call 127.0.0.1 or localhost', 403));
		});
		app.addHook('onSend', (request, reply, _payload, done) => {
			// Before the client has the answer: a client that has it must find it on record.
			const record = this.records.get(request);
			if (record) record.status = reply.statusCode;
			done();
		});
	}

	private addJobs(app: FastifyInstance): void {
		const { service } = this;
		for (const version of API_VERSIONS) {
			for (const endpoint of ENDPOINTS[version]) {
				const submit: Handler = async (call) => await service.submit(version, endpoint, call);
				app.post(`${API_PATHS[version]}/${endpoint}`, this.api('submit', submit));
			}
			const fetch: Handler = (call) => service.fetchJob(version, call);
			for (const path of ['fetch', 'fetch/:name']) {
				app.post(
					`${API_PATHS[version]}/${path}`,
					this.api('fetch', fetch, (job) => ({ job })),
				);
			}
		}
	}

	private addUploads(app: FastifyInstance): void {
		const { service } = this;
		const add = (path: string, handler: Handler) => app.post(path, this.api('upload', handler));
		add('/api/v3/base64_crop', async (call) => await service.uploadCropped(call));
		add('/api/v6/base64_to_url', async (call) => await service.uploadPicture(call));
		add('/api/v1/enterprise/upload_image', async (call) => await service.uploadBare(call));
		add('/api/v6/3d/base64_to_url', async (call) => await service.uploadModel(call));
	}

	private addAccount(app: FastifyInstance): void {
		const { service } = this;
		app.post(
			'/api/v3/system_load',
			this.api('system_load', () => service.describeSystemLoad()),
		);
		const { accounts } = service;
		const add = (path: string, handler: Handler) => app.post(path, this.api('account', handler));
		add('/api/wallet_balance', ({ body }) => accounts.describeBalance(body));
		// Its OpenAPI description has the second path.
		for (const path of ['/api/v6/assets_generated', '/api/assets_generated']) {
			add(path, ({ body }) => accounts.listAssets(body));
		}
		add('/api/v6/processing/request_count', ({ body }) => accounts.countOpen(body));
		add('/api/v3/delete_image', ({ body, name }) => accounts.deleteFiles(body, name));
	}

	private addFiles(app: FastifyInstance): void {
		const { service } = this;
		const download: Handler = async ({ name }) => await service.download(name);
		for (const folder of ['files', 'proxy'] as const) {
			const aim: Aim = (name) => service.describeFile(folder, name);
			app.get(`/${folder}/:name`, this.route('download', download, aim));
		}
		app.get(
			'/samples/:name',
			this.route(undefined, async ({ name }) => await service.readSample(name)),
		);
	}

	/** The routes of the stand-in itself, for people and for tests. */
	private addControls(app: FastifyInstance): void {
		const { service } = this;
		const add = (method: 'get' | 'post' | 'delete', path: string, handler: Handler) =>
			app[method](path, this.route(undefined, handler));
		add('get', '/local-api', () => service.describe());
		// A page in a browser can send any other type without asking.
		add('post', '/local-api/faults', ({ json, isJson }) =>
			isJson ? service.addFaults(json) : answerError('Content-Type must be application/json', 415),
		);
		add('delete', '/local-api/faults', () => service.clearFaults());
	}

	private record(request: FastifyRequest, reply: FastifyReply): void {
		const started = performance.now();
		const record: RequestRecord = {
			method: request.method,
			path: request.url,
			headers: Object.fromEntries(
				Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
			),
			body: undefined,
			at: this.service.clock.now(),
		};
		this.records.set(request, record);
		this.requests.push(record);
		while (this.requests.length > this.service.settings.maxRecords) this.requests.shift();
		this.answering += 1;
		reply.raw.once('close', () => {
			this.answering -= 1;
			// An answer that is spoiled on the wire does not go through Fastify.
			if (reply.raw.headersSent) record.status ??= reply.raw.statusCode;
			const outcome =
				record.faulted === undefined ? String(reply.raw.statusCode) : `fault: ${record.faulted}`;
			// A query can contain a key that somebody put there by mistake.
			const [pathname = ''] = record.path.split('?');
			this.service.log(
				`${record.method} ${pathname} ${outcome} ${Math.round(performance.now() - started)} ms`,
			);
		});
	}

	/** Makes a route that answers with the handler's answer, or as a fault says. */
	private route(place: FaultPlace | undefined, handler: Handler, aim: Aim = () => ({})) {
		return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
			const record = this.records.get(request);
			if (!record) throw new Error('The request was not recorded');
			const source = Buffer.isBuffer(request.body) ? request.body.toString() : '';
			const { json, isMalformed } = parse(source);
			record.body = shorten(json);
			const isJson = /^application\/json\b/i.test(record.headers['content-type'] ?? '');
			const body = isJson && isObject(json) ? json : {};
			const { name = readRequestId(body, source) } = request.params as { name?: string };
			const fault = place && this.service.faults.take(place, aim(name));
			if (fault) record.faulted = fault.do.kind;

			const right = async (): Promise<Answer> => {
				if (isMalformed) return answerError('Malformed JSON in the request body', 400);
				return await handler({ body, json, isJson, name, fault, record });
			};
			if (!fault) send(reply, await right());
			else if (place === 'submit' && !isAccepted(fault)) sendSpoiled(reply, answerJson(UNFINISHED), fault.do);
			else sendSpoiled(reply, await right(), fault.do);
			return reply;
		};
	}

	/** Makes a route of the API, which needs a valid key in the body. */
	private api(place: FaultPlace | undefined, handler: Handler, aim?: Aim) {
		return this.route(place, (call) => this.service.refuseKey(call.body.key) ?? handler(call), aim);
	}
}

/**
 * Starts the stand-in service on 127.0.0.1.
 *
 * @throws the system's error when the port cannot be used, for example with the `code` EADDRINUSE
 */
export async function startLocalApi(options: LocalApiOptions = {}): Promise<LocalApi> {
	const service = new Service(options);
	const server = new Server(service);
	const app = fastify({
		bodyLimit: BODY_LIMIT,
		forceCloseConnections: true,
		routerOptions: { maxParamLength: LONGEST_NAME },
		// A URL that cannot be decoded does not reach the error handler of the routes.
		frameworkErrors: (error, _request, reply) => send(reply as FastifyReply, answerError(error.message, 400)),
	});
	server.register(app);
	await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
	service.origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
	return {
		origin: service.origin,
		baseUrl: `${service.origin}/api`,
		jobs: service.queue.records,
		requests: server.requests,
		calls: service.webhooks.records,
		inFlight: () => server.answering,
		configure: (settings) => Object.assign(service.settings, settings),
		addFault: (fault) => service.faults.add(fault),
		clearFaults: () => service.faults.clear(),
		async stop() {
			service.stop();
			await app.close();
		},
	};
}
