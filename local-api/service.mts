import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import {
	errorAnswer,
	fileAnswer,
	jsonAnswer,
	notFoundAnswer,
	pageAnswer,
	withByteOrderMark,
	type Answer,
	type Json,
} from './answers.mts';
import { BoundedMap } from './bounded.mts';
import { systemClock, type Clock } from './clock.mts';
import { FaultFormatError, FaultList, parseFault, type Fault, type Target } from './faults.mts';
import { fetchImage, PictureError, PictureStore, readUpload, type Upload } from './images.mts';
import { processingOf, resultOf } from './job-answers.mts';
import { toJson } from './job-ids.mts';
import { countedIdFor, JobQueue, type Job, type QueueSettings } from './jobs.mts';
import type { LocalApiOptions, LocalApiSettings } from './options.mts';
import { Outputs } from './outputs.mts';
import { imagesOf, readParameters, type ApiVersion, type Endpoint } from './parameters.mts';
import { readModelUpload, UploadError } from './uploads.mts';
import { Webhooks } from './webhooks.mts';

/** A call of the API: its JSON (`key` checked), the fault that hits it, and the path's parameter. */
export interface Call {
	body: Json;
	fault: Fault | undefined;
	/** A job's id, or a file's name. */
	name: string;
	/** The request's record: where it says what hit it. */
	record: { faulted?: string };
}

/** Where files are served, and as what a job's answer names the address there. */
const LINK_OF = { files: 'output', proxy: 'mirror' } as const;
export type Folder = keyof typeof LINK_OF;

const UPLOADS_SIZE = 256 * 1024 * 1024;
const JOBS_SHOWN = 20;

const CONTENT_TYPES: Record<string, string> = {
	'.gif': 'image/gif',
	'.glb': 'model/gltf-binary',
	'.obj': 'model/obj',
	'.mtl': 'model/mtl',
	'.stl': 'model/stl',
	'.ply': 'application/x-ply',
	'.png': 'image/png',
	'.jpg': 'image/jpeg',
	'.jpeg': 'image/jpeg',
	'.webp': 'image/webp',
	'.svg': 'image/svg+xml',
};

const ABOUT =
	"A stand-in for the img_to_3d API (versions 3 and 6), for development and tests. It is not the service and not the service's model: it cuts the foreground out of the picture, inflates its silhouette to a closed mesh, and renders that.";

const KEY_TIP =
	'1. Make sure you are passing Content-Type: application/json in header. 2. Make sure you are doing POST request with valid JSON. 3. Make sure your JSON does not have errors, use jsonlint to validate json array. 4. Make sure you have valid API key.';

const UNREACHABLE = 'Unable to fetch image from provided URL';

function contentTypeOf(name: string): string {
	return CONTENT_TYPES[path.extname(name).toLowerCase()] ?? 'application/octet-stream';
}

function uploadedV6(link: string, id: number): Json {
	return { status: 'success', id, output: [link] };
}

/** What the service knows and does, apart from HTTP: calls in, answers out. */
export class Service {
	readonly settings: LocalApiSettings & QueueSettings;

	readonly faults = new FaultList();

	readonly queue: JobQueue;

	/** http://127.0.0.1:PORT, known once the server listens. */
	origin = '';

	readonly clock: Clock;

	readonly log: (line: string) => void;

	private readonly stopping = new AbortController();

	readonly webhooks: Webhooks;

	private readonly pictures = new PictureStore();

	private readonly outputs = new Outputs(this.pictures);

	private readonly uploads = new BoundedMap<Upload>(UPLOADS_SIZE);

	private uploadCount = 0;

	constructor(private readonly options: LocalApiOptions) {
		this.settings = {
			jobSeconds: options.jobSeconds ?? 3,
			idFor: options.idFor ?? countedIdFor,
			parallel: options.parallel ?? 2,
			queueLimit: options.queueLimit ?? 5,
			retryAfter: options.retryAfter ?? 'exact',
			eta: options.eta ?? 'exact',
			webhooks: options.webhooks ?? 'once',
			callsAtOnce: options.callsAtOnce ?? 1000,
			maxRecords: options.maxRecords ?? 10_000,
		};
		this.clock = options.clock ?? systemClock;
		this.log = options.log ?? (() => undefined);
		this.queue = new JobQueue(this.clock, this.settings, (name) => `${this.origin}/files/${name}`);
		// Each call that is still to come listens, and there may be hundreds.
		setMaxListeners(0, this.stopping.signal);
		this.webhooks = new Webhooks(this.clock, this.log, this.stopping.signal, this.settings);
	}

	/** Ends the fetching of pictures and drops the webhook calls that are still to come. */
	stop(): void {
		this.stopping.abort();
	}

	/** The answer to a key that is missing or refused; undefined for a good one. */
	keyRefusal(key: unknown): Answer | undefined {
		const refused = this.options.refusedKeys ?? ['wrong-key'];
		if (typeof key === 'string' && key !== '' && !refused.includes(key)) return undefined;
		return errorAnswer('Invalid Api Key', 200, { tip: KEY_TIP });
	}

	/** Checks a submit in the service's order: fields, credit, queue, picture. Only what passes becomes a (paid) job. */
	async submit(endpoint: Endpoint, { body, fault, record }: Call): Promise<Answer> {
		const key = String(body.key);
		const read = readParameters(endpoint, body);
		if ('errors' in read) return errorAnswer(read.errors);
		const { parameters } = read;
		if (this.hasNoCredit(key))
			return errorAnswer('Insufficient credits. Please add more credits to continue.', 402);
		if (this.queue.secondsUntilPlace(key) > 0) return this.queueFull(key);

		const images = imagesOf(parameters);
		let picture: string | undefined;
		if (images.length > 0) {
			if (this.faults.take('image')) {
				record.faulted = 'image';
				return errorAnswer(UNREACHABLE);
			}
			try {
				picture = await this.pictureOf(images);
			} catch (error) {
				if (!(error instanceof PictureError || error instanceof URIError)) throw error;
				this.log(`image refused: ${error.message}`);
				return errorAnswer(UNREACHABLE);
			}
			// Other submits may have taken the place while the picture was on its way.
			if (this.queue.secondsUntilPlace(key) > 0) return this.queueFull(key);
		}

		const failure = fault?.do.kind === 'failJob' ? (fault.do.message ?? 'Failed, Try Again') : undefined;
		const job = this.queue.accept({ key, body, parameters, picture, failure });
		const { webhook, trackId, endsAt } = job.record;
		if (webhook !== null) {
			const body = toJson({ ...resultOf(job, this.origin), track_id: trackId });
			this.webhooks.schedule(webhook, endsAt, this.settings.webhooks, job.record.id, () => {
				const text = Buffer.from(body);
				return this.faults.take('webhook') ? withByteOrderMark(text) : text;
			});
		}
		return this.jobAnswer(job);
	}

	fetchJob(apiVersion: ApiVersion, { name, body }: Call): Answer {
		const job = this.queue.find(name, String(body.key), apiVersion);
		return job ? this.jobAnswer(job) : notFoundAnswer();
	}

	/** Version 3's upload of a picture. */
	async cropUpload({ body }: Call): Promise<Answer> {
		const crop = body.crop === 'true' || body.crop === true;
		return await this.keepUpload(
			body,
			'image',
			async (dataUrl) => await readUpload(dataUrl, crop),
			(link, id) => ({ status: 'success', messege: 'image uploaded', link, request_id: id }),
		);
	}

	/** Version 6's upload of a picture. */
	async pictureUpload({ body }: Call): Promise<Answer> {
		return await this.keepUpload(
			body,
			'base64_string',
			async (dataUrl) => await readUpload(dataUrl, false),
			uploadedV6,
		);
	}

	/** Version 6's upload of a 3D file. */
	async modelUpload({ body }: Call): Promise<Answer> {
		return await this.keepUpload(body, 'init_obj', readModelUpload, uploadedV6);
	}

	private async keepUpload(
		body: Json,
		field: string,
		read: (dataUrl: string) => Promise<Upload> | Upload,
		answer: (link: string, id: number) => Json,
	): Promise<Answer> {
		const dataUrl = body[field];
		if (typeof dataUrl !== 'string' || dataUrl === '') {
			return errorAnswer({ [field]: [`The ${field} field is required.`] });
		}
		try {
			const upload = await read(dataUrl);
			const name = `${randomUUID()}.${upload.extension}`;
			this.uploads.set(name, upload, upload.file.length);
			this.uploadCount += 1;
			return jsonAnswer(answer(`${this.origin}/files/${name}`, this.uploadCount));
		} catch (error) {
			if (error instanceof PictureError || error instanceof UploadError) return errorAnswer(error.message);
			throw error;
		}
	}

	systemLoad(): Answer {
		const { queue } = this;
		return jsonAnswer({
			queue_num: queue.open().length,
			queue_time: queue.secondsUntilStart(),
			status: 'ok',
		});
	}

	walletBalance({ body }: Call): Answer {
		const balance = this.hasNoCredit(String(body.key)) ? 0 : 43.6;
		return jsonAnswer({ status: 'success', data: { balance, currency: 'USD' } });
	}

	/** An upload, or the file of a job that has ended, which is made now if nobody asked for it before. */
	async download(name: string): Promise<Answer> {
		const upload = this.uploads.get(name);
		if (upload) return fileAnswer(upload.file, upload.contentType);
		const job = this.queue.makerOf(name);
		const file = job && this.queue.hasEnded(job) ? await this.outputs.file(job, name) : undefined;
		return file ? fileAnswer(file, contentTypeOf(name)) : pageAnswer(404);
	}

	/** What the file of this name is to the job that makes it; nothing for an upload. */
	fileTarget(folder: Folder, name: string): Target {
		const job = this.queue.makerOf(name);
		if (!job) return {};
		const sinceEnd = (this.clock.now() - job.record.endsAt) / 1000;
		return job.files.outputs.includes(name) ? { sinceEnd, link: LINK_OF[folder] } : { sinceEnd };
	}

	async sample(name: string): Promise<Answer> {
		const folder = this.options.samplesDir ?? path.join(process.cwd(), 'samples');
		try {
			return fileAnswer(await readFile(path.join(folder, path.basename(name))), contentTypeOf(name));
		} catch {
			return pageAnswer(404);
		}
	}

	/** Settings, coming faults and latest jobs, for people. */
	describe(): Answer {
		const { jobSeconds } = this.settings;
		const now = this.clock.now();
		const latestJobs = this.queue.records
			.slice(-JOBS_SHOWN)
			.map(({ idText, apiVersion, endpoint, acceptedAt, startedAt, endsAt, outcome }) => ({
				id: this.queue.toldId(idText),
				apiVersion,
				endpoint,
				state: endsAt <= now ? outcome : startedAt <= now ? 'working' : 'queued',
				acceptedAt: new Date(acceptedAt).toISOString(),
			}));
		const description = {
			about: ABOUT,
			baseUrl: `${this.origin}/api`,
			settings: {
				...this.settings,
				jobSeconds: typeof jobSeconds === 'function' ? 'by job number' : jobSeconds,
			},
			faults: this.faults.describe(),
			jobsAccepted: this.queue.records.length,
			jobsOpen: this.queue.open().length,
			latestJobs,
		};
		return { ...jsonAnswer(description), body: Buffer.from(`${toJson(description, 2)}\n`) };
	}

	/** Adds the fault, or the list of faults, that a request's JSON holds: all of them, or none when one is wrong. */
	addFaults(source: unknown): Answer {
		try {
			const faults = (Array.isArray(source) ? source : [source]).map(parseFault);
			for (const fault of faults) this.faults.add(fault);
			return jsonAnswer({ status: 'success', faults: this.faults.describe() });
		} catch (error) {
			if (error instanceof FaultFormatError) return errorAnswer(error.message, 400);
			throw error;
		}
	}

	clearFaults(): Answer {
		this.faults.clear();
		return jsonAnswer({ status: 'success', faults: [] });
	}

	private hasNoCredit(key: string): boolean {
		return (this.options.creditlessKeys ?? ['empty-wallet']).includes(key);
	}

	private queueFull(key: string): Answer {
		const { retryAfter } = this.settings;
		const seconds = retryAfter === 'exact' ? Math.ceil(this.queue.secondsUntilPlace(key)) : retryAfter;
		const message = `Rate limit exceeded. Maximum ${this.settings.queueLimit} queued requests allowed.`;
		return errorAnswer(message, 429, Number.isFinite(seconds) ? { retry_after: seconds } : {});
	}

	/**
	 * Fetches the pictures of a submit, each of which has to be one.
	 * @returns the name of the first in the picture store: what the object is made from
	 * @throws PictureError or URIError about the first one that cannot be had
	 */
	private async pictureOf(links: string[]): Promise<string | undefined> {
		let first: string | undefined;
		for (const link of links) {
			const name = await this.pictures.add(await this.imageBehind(link));
			first ??= name;
		}
		return first;
	}

	/** The file behind an image link. Links to this server are read without a request, which would use up faults. */
	private async imageBehind(link: string): Promise<Buffer> {
		const url = URL.canParse(link) ? new URL(link) : undefined;
		if (url?.origin !== this.origin) return await fetchImage(link, this.stopping.signal);
		const name = path.posix.basename(decodeURIComponent(url.pathname));
		const { status, body } = await (url.pathname.startsWith('/samples/')
			? this.sample(name)
			: this.download(name));
		if (status !== 200) throw new PictureError(`no file ${name}`);
		return body;
	}

	private jobAnswer(job: Job): Answer {
		const { endsAt, outcome } = job.record;
		if (this.queue.hasEnded(job)) {
			return jsonAnswer({ ...resultOf(job, this.origin), ...(outcome === 'failed' ? { output: '' } : {}) });
		}
		const { eta } = this.settings;
		const seconds = (endsAt - this.clock.now()) / 1000;
		const told = eta === 'missing' ? undefined : eta === 'exact' ? seconds : seconds * eta.factor;
		return jsonAnswer(processingOf(job, this.origin, told));
	}
}
