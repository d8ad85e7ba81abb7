import type { AddressInfo } from 'node:net';

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

import { errorAnswer, isObject, jsonAnswer, pageAnswer, send, sendSpoilt, type Answer } from './answers.mts';
import type { Fault, FaultPlace, Target } from './faults.mts';
import { UNFINISHED } from './job-answers.mts';
import { requestIdOf } from './job-ids.mts';
import type { JobRecord } from './jobs.mts';
import type { LocalApiOptions, LocalApiSettings } from './options.mts';
import { API_PATHS, ENDPOINTS } from './parameters.mts';
import { Service, type Call } from './service.mts';
import type { CallRecord } from './webhooks.mts';

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
	/** The answer's HTTP status; absent while there is none. A refused submission has 429. */
	status?: number;
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
	/** Every webhook call that was made. */
	calls: readonly CallRecord[];
	/** HTTP requests that are being answered right now. */
	inFlight(): number;
	configure(settings: Partial<LocalApiSettings>): void;
	addFault(fault: Fault): void;
	clearFaults(): void;
	/** Closes every connection and drops the webhook calls that are still to come. */
	stop(): Promise<void>;
}

/** A call with what a route needs besides: the whole JSON, whatever its type. */
interface Exchange extends Call {
	json: unknown;
}

/** What a request asks for, where that decides which fault hits it. */
type Aim = (name: string) => Target;

type Handler = (exchange: Exchange) => Promise<Answer> | Answer;

const BODY_LIMIT = 30 * 1024 * 1024;
/** Longest ID in a path; the router's own limit is 100. */
const LONGEST_NAME = 8_000;
const LONGEST_RECORDED_TEXT = 10_000;

function shortened(value: unknown): unknown {
	if (typeof value === 'string' && value.length > LONGEST_RECORDED_TEXT) {
		return `${value.slice(0, 100)}… (${value.length} characters)`;
	}
	if (!isObject(value)) return value;
	return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, shortened(item)]));
}

function parsed(text: string): { json: unknown; isMalformed: boolean } {
	if (text === '') return { json: undefined, isMalformed: false };
	try {
		return { json: JSON.parse(text) as unknown, isMalformed: false };
	} catch {
		return { json: text, isMalformed: true };
	}
}

/** Whether a submit that this fault hits is accepted all the same. */
function isAccepting(fault: Fault): boolean {
	return (
		fault.accept === true || ['edit', 'code', 'byteOrderMark', 'drip', 'failJob'].includes(fault.do.kind)
	);
}

/** The HTTP side of a service: routes, records of requests, faults. */
class Server {
	readonly requests: RequestRecord[] = [];

	answering = 0;

	private readonly records = new WeakMap<FastifyRequest, RequestRecord>();

	constructor(private readonly service: Service) {}

	register(app: FastifyInstance): void {
		const { service } = this;
		app.removeAllContentTypeParsers();
		app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
		app.addHook('onRequest', (request, reply, done) => {
			this.record(request, reply);
			done();
		});
		app.addHook('onSend', (request, reply, _payload, done) => {
			// Before the client has the answer, so that whoever has it finds it on record.
			const record = this.records.get(request);
			if (record) record.status = reply.statusCode;
			done();
		});

		for (const version of ['v3', 'v6'] as const) {
			for (const endpoint of ENDPOINTS[version]) {
				app.post(
					`${API_PATHS[version]}/${endpoint}`,
					this.api('submit', async (call) => await service.submit(endpoint, call)),
				);
			}
			for (const path of ['fetch', 'fetch/:name']) {
				app.post(
					`${API_PATHS[version]}/${path}`,
					this.api(
						'fetch',
						(call) => service.fetchJob(version, call),
						(job) => ({ job }),
					),
				);
			}
		}
		app.post(
			'/api/v3/base64_crop',
			this.api('upload', async (call) => await service.cropUpload(call)),
		);
		app.post(
			'/api/v6/base64_to_url',
			this.api('upload', async (call) => await service.pictureUpload(call)),
		);
		app.post(
			'/api/v6/3d/base64_to_url',
			this.api('upload', async (call) => await service.modelUpload(call)),
		);
		app.post(
			'/api/v3/system_load',
			this.api('system_load', () => service.systemLoad()),
		);
		app.post(
			'/api/wallet_balance',
			this.api(undefined, (call) => service.walletBalance(call)),
		);
		for (const folder of ['files', 'proxy'] as const) {
			app.get(
				`/${folder}/:name`,
				this.route(
					'download',
					async ({ name }) => await service.download(name),
					(name) => service.fileTarget(folder, name),
				),
			);
		}
		app.get(
			'/samples/:name',
			this.route(undefined, async ({ name }) => await service.sample(name)),
		);
		app.get(
			'/local-api',
			this.route(undefined, () => service.describe()),
		);
		app.post(
			'/local-api/faults',
			this.route(undefined, ({ json }) => service.addFaults(json)),
		);
		app.delete(
			'/local-api/faults',
			this.route(undefined, () => service.clearFaults()),
		);

		app.setNotFoundHandler((_request, reply) => send(reply, pageAnswer(404)));
		app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
			if (error.statusCode === undefined) service.log(`failed: ${error.message}`);
			send(reply, errorAnswer(error.message, error.statusCode ?? 500));
		});
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
			// An answer that is spoilt on the wire does not go through Fastify.
			if (reply.raw.headersSent) record.status ??= reply.raw.statusCode;
			const outcome =
				record.faulted === undefined ? String(reply.raw.statusCode) : `fault: ${record.faulted}`;
			// A query could hold a key that somebody put there by mistake.
			const [pathname = ''] = record.path.split('?');
			this.service.log(
				`${record.method} ${pathname} ${outcome} ${Math.round(performance.now() - started)} ms`,
			);
		});
	}

	/** A route that answers with the handler's answer, or as a fault says. */
	private route(place: FaultPlace | undefined, handler: Handler, aim: Aim = () => ({})) {
		return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
			const record = this.records.get(request);
			if (!record) throw new Error('The request was not recorded');
			const source = Buffer.isBuffer(request.body) ? request.body.toString() : '';
			const { json, isMalformed } = parsed(source);
			record.body = shortened(json);
			const isJson = /^application\/json\b/i.test(record.headers['content-type'] ?? '');
			const body = isJson && isObject(json) ? json : {};
			const { name = requestIdOf(body, source) } = request.params as { name?: string };
			const fault = place && this.service.faults.take(place, aim(name));
			if (fault) record.faulted = fault.do.kind;

			const right = async (): Promise<Answer> => {
				if (isMalformed) return errorAnswer('Malformed JSON in the request body', 400);
				return await handler({ body, json, name, fault, record });
			};
			if (!fault) send(reply, await right());
			else if (place === 'submit' && !isAccepting(fault)) sendSpoilt(reply, jsonAnswer(UNFINISHED), fault.do);
			else sendSpoilt(reply, await right(), fault.do);
			return reply;
		};
	}

	/** A route of the API: the body has to carry a key that is not refused. */
	private api(place: FaultPlace | undefined, handler: Handler, aim?: Aim) {
		return this.route(place, (call) => this.service.keyRefusal(call.body.key) ?? handler(call), aim);
	}
}

/**
 * Starts the stand-in service on 127.0.0.1.
 * @throws the system's error when the port cannot be had (`code: 'EADDRINUSE'`, for one)
 */
export async function startLocalApi(options: LocalApiOptions = {}): Promise<LocalApi> {
	const service = new Service(options);
	const server = new Server(service);
	const app = fastify({
		bodyLimit: BODY_LIMIT,
		forceCloseConnections: true,
		routerOptions: { maxParamLength: LONGEST_NAME },
		// A URL that cannot be decoded never reaches the routes' own error handler.
		frameworkErrors: (error, _request, reply) => send(reply as FastifyReply, errorAnswer(error.message, 400)),
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
