import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { LRUCache } from 'lru-cache';

import { Accounts } from './account.mts';
import {
	answerError,
	answerFile,
	answerJson,
	answerNotFound,
	answerPage,
	findContentType,
	addByteOrderMark,
	type Answer,
} from './answers.mts';
import { systemClock, type Clock } from './clock.mts';
import { readFault } from './fault-format.mts';
import { FaultFormatError, FaultList, type Fault, type Target } from './faults.mts';
import { fetchImage, FetchImageError, isImageError, PictureStore, type StoredPicture } from './images.mts';
import { describeProcessing, describeResult } from './job-answers.mts';
import { toJson } from './job-ids.mts';
import type { Json } from './json.mts';
import { countIdAsJson, JobQueue, type Job, type QueueSettings } from './jobs.mts';
import type { LocalApiOptions, LocalApiSettings } from './options.mts';
import { ABOUT, describeWork } from './notes.mts';
import { createMadeFiles, Outputs } from './outputs.mts';
import { listImages, readParameters, type ApiVersion, type Endpoint } from './parameters.mts';
import { readImageUpload, readModelUpload, UploadError, type Upload } from './uploads.mts';
import { Webhooks } from './webhooks.mts';

/** A call of the API: its JSON with a checked `key`, the fault that hits it, and the parameter in its path. */
export interface Call {
	body: Json;
	fault: Fault | undefined;
	/** A job's ID, or the name of a file. */
	name: string;
	/** The record of the request. It says what hit the request. */
	record: { faulted?: string };
}

/** The folders of files, and the kind of link that a job's answer has to each. */
const LINK_OF = { files: 'output', proxy: 'mirror' } as const;
export type Folder = keyof typeof LINK_OF;

const UPLOADS_SIZE = 256 * 1024 * 1024;
const JOBS_SHOWN = 20;

const KEY_TIP =
	'1. Make sure you are passing Content-Type: application/json in header. 2. Make sure you are doing POST request with valid JSON. 3. Make sure your JSON does not have errors, use jsonlint to validate json array. 4. Make sure you have valid API key.';

const UNREACHABLE = 'Unable to fetch image from provided URL';

/** What `image_type` of an upload to a server of one customer may be. */
const BARE_TYPES = ['png', 'jpeg', 'jpg'];

function answerUploadV6(link: string, id: number): Json {
	return { status: 'success', id, output: [link] };
}

/** The service without HTTP: it gets calls and returns answers. */
export class Service {
	readonly settings: LocalApiSettings & QueueSettings;

	readonly faults = new FaultList();

	readonly queue: JobQueue;

	/** http://127.0.0.1:PORT. It is set when the server listens. */
	origin = '';

	readonly clock: Clock;

	readonly log: (line: string) => void;

	private readonly stopping = new AbortController();

	readonly webhooks: Webhooks;

	readonly accounts: Accounts;

	private readonly pictures = new PictureStore();

	private readonly outputs: Outputs;

	private readonly uploads = new LRUCache<string, Upload>({
		maxSize: UPLOADS_SIZE,
		sizeCalculation: ({ file }) => file.length || 1,
	});

	private uploadCount = 0;

	constructor(private readonly options: LocalApiOptions) {
		this.settings = {
			jobSeconds: options.jobSeconds ?? 3,
			idFor: options.idFor ?? countIdAsJson,
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
		this.outputs = new Outputs(this.pictures, options.madeFiles ?? createMadeFiles());
		this.queue = new JobQueue(this.clock, this.settings, (name) => `${this.origin}/files/${name}`);
		this.accounts = new Accounts(this.clock, this.queue, {
			creditlessKeys: options.creditlessKeys ?? ['empty-wallet'],
			unlistableKeys: options.unlistableKeys ?? ['no-list'],
		});
		// Each planned webhook call adds a listener, and there can be hundreds.
		setMaxListeners(0, this.stopping.signal);
		this.webhooks = new Webhooks(this.clock, this.log, this.stopping.signal, this.settings);
	}

	/** Stops fetching images, and drops the webhook calls that are not made yet. */
	stop(): void {
		this.stopping.abort();
	}

	/** @returns the answer to a missing or wrong key; undefined for a valid one */
	refuseKey(key: unknown): Answer | undefined {
		const refused = this.options.refusedKeys ?? ['wrong-key'];
		if (typeof key === 'string' && key !== '' && !refused.includes(key)) return undefined;
		return answerError('Invalid Api Key', 200, { tip: KEY_TIP });
	}

	/**
	 * Checks a submit in the order of the service: fields, credits, queue, images. What passes becomes a job, and is paid for.
	 */
	async submit(apiVersion: ApiVersion, endpoint: Endpoint, { body, fault, record }: Call): Promise<Answer> {
		const key = String(body.key);
		const read = readParameters(endpoint, body);
		if ('errors' in read) return answerError(read.errors);
		const { parameters } = read;
		if (this.accounts.hasNoCredit(key)) {
			return answerError('Insufficient credits. Please add more credits to continue.', 402);
		}
		if (this.queue.secondsUntilAccepted(key) > 0) return this.refuseFullQueue(key);

		const images = listImages(parameters);
		const picture = images.length > 0 ? await this.tryFetchPictures(images, record) : undefined;
		if (images.length > 0) {
			if (picture === undefined) return answerError(UNREACHABLE);
			// Other submits can have filled the queue during the fetch.
			if (this.queue.secondsUntilAccepted(key) > 0) return this.refuseFullQueue(key);
		}

		const failure = fault?.do.kind === 'failJob' ? (fault.do.message ?? 'Failed, Try Again') : undefined;
		const note = describeWork(parameters, picture?.doubt);
		const job = this.queue.accept({
			key,
			apiVersion,
			body,
			parameters,
			picture: picture?.name,
			failure,
			note,
		});
		if (picture?.doubt) this.log(`job ${job.record.idText}: ${note}`);
		this.scheduleWebhook(job);
		if (this.options.makesFilesEarly) this.makeFilesEarly(job);
		return this.answerJob(job);
	}

	/** @returns the first picture; undefined when one cannot be had */
	private async tryFetchPictures(
		images: string[],
		record: Call['record'],
	): Promise<StoredPicture | undefined> {
		if (this.faults.take('image')) {
			record.faulted = 'image';
			return undefined;
		}
		try {
			return await this.fetchPictures(images);
		} catch (error) {
			if (!isImageError(error)) throw error;
			this.log(`image refused: ${error.message}`);
			return undefined;
		}
	}

	/** Makes the files of a job before anybody asks for them. What fails here fails again at the request. */
	private makeFilesEarly(job: Job): void {
		for (const name of job.files.outputs) void this.outputs.makeFile(job, name).catch(() => undefined);
	}

	private scheduleWebhook(job: Job): void {
		const { id, webhook, trackId, endsAt } = job.record;
		if (webhook === null) return;
		const json = toJson({ ...describeResult(job, this.origin), track_id: trackId });
		const body = () => {
			const text = Buffer.from(json);
			return this.faults.take('webhook') ? addByteOrderMark(text) : text;
		};
		this.webhooks.schedule({ url: webhook, job: id, endsAt, mode: this.settings.webhooks, body });
	}

	fetchJob(apiVersion: ApiVersion, { name, body }: Call): Answer {
		const job = this.queue.find(name, String(body.key), apiVersion);
		return job ? this.answerJob(job) : answerNotFound();
	}

	/** The upload of an image in version 3. */
	async uploadCropped({ body }: Call): Promise<Answer> {
		const crop = body.crop === 'true' || body.crop === true;
		return await this.keepUpload(
			body,
			'image',
			async (dataUrl) => await readImageUpload(dataUrl, crop),
			(link, id) => ({ status: 'success', messege: 'image uploaded', link, request_id: id }),
		);
	}

	/** The upload of an image in version 6. */
	async uploadPicture({ body }: Call): Promise<Answer> {
		return await this.keepUpload(
			body,
			'base64_string',
			async (dataUrl) => await readImageUpload(dataUrl, false),
			answerUploadV6,
		);
	}

	/** The upload of an image to a server of one customer. Its base64 is not a data URL. */
	async uploadBare({ body }: Call): Promise<Answer> {
		const type = String(body.image_type);
		return await this.keepUpload(
			body,
			'base64_image',
			async (base64) => {
				if (!BARE_TYPES.includes(type)) throw new UploadError('The selected image type is invalid.');
				return await readImageUpload(`data:image/${type};base64,${base64}`, false);
			},
			answerUploadV6,
		);
	}

	/** The upload of a 3D file in version 6. */
	async uploadModel({ body }: Call): Promise<Answer> {
		return await this.keepUpload(body, 'init_obj', readModelUpload, answerUploadV6);
	}

	private async keepUpload(
		body: Json,
		field: string,
		read: (dataUrl: string) => Promise<Upload> | Upload,
		answer: (link: string, id: number) => Json,
	): Promise<Answer> {
		const dataUrl = body[field];
		if (typeof dataUrl !== 'string' || dataUrl === '') {
			return answerError({ [field]: [`The ${field} field is required.`] });
		}
		try {
			const upload = await read(dataUrl);
			const name = `${randomUUID()}.${upload.extension}`;
			this.uploads.set(name, upload);
			this.uploadCount += 1;
			return answerJson(answer(`${this.origin}/files/${name}`, this.uploadCount));
		} catch (error) {
			if (error instanceof UploadError) return answerError(error.message);
			throw error;
		}
	}

	describeSystemLoad(): Answer {
		const { queue } = this;
		return answerJson({
			queue_num: queue.openJobs().length,
			queue_time: queue.secondsUntilStart(),
			status: 'ok',
		});
	}

	/** Answers with an upload, or with the file of a job that has ended. The first request makes the file. */
	async download(name: string): Promise<Answer> {
		const upload = this.uploads.get(name);
		if (upload) return answerFile(upload.file, upload.contentType);
		const job = this.queue.findMaker(name);
		const file = job && this.queue.hasEnded(job) ? await this.outputs.makeFile(job, name) : undefined;
		return file ? answerFile(file, findContentType(name)) : answerPage(404);
	}

	/** Describes a file by the job that makes it. The result is empty for an upload. */
	describeFile(folder: Folder, name: string): Target {
		const job = this.queue.findMaker(name);
		if (!job) return {};
		const sinceEnd = (this.clock.now() - job.record.endsAt) / 1000;
		return job.files.outputs.includes(name) ? { sinceEnd, link: LINK_OF[folder] } : { sinceEnd };
	}

	async readSample(name: string): Promise<Answer> {
		const folder = this.options.samplesDir ?? path.join(process.cwd(), 'samples');
		try {
			return answerFile(await readFile(path.join(folder, path.basename(name))), findContentType(name));
		} catch {
			return answerPage(404);
		}
	}

	/** Describes the settings, the coming faults and the latest jobs for people. */
	describe(): Answer {
		const { jobSeconds } = this.settings;
		const now = this.clock.now();
		const latestJobs = this.queue.records
			.slice(-JOBS_SHOWN)
			.map(({ idText, apiVersion, endpoint, acceptedAt, startedAt, endsAt, outcome }) => ({
				id: this.queue.findToldId(idText),
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
			jobsOpen: this.queue.openJobs().length,
			latestJobs,
		};
		return { ...answerJson(description), body: Buffer.from(`${toJson(description, 2)}\n`) };
	}

	/** Adds the fault or the list of faults in the JSON of a request. If one of them is wrong, none is added. */
	addFaults(source: unknown): Answer {
		try {
			const faults = (Array.isArray(source) ? source : [source]).map(readFault);
			for (const fault of faults) this.faults.add(fault);
			return answerJson({ status: 'success', faults: this.faults.describe() });
		} catch (error) {
			if (error instanceof FaultFormatError) return answerError(error.message, 400);
			throw error;
		}
	}

	clearFaults(): Answer {
		this.faults.clear();
		return answerJson({ status: 'success', faults: [] });
	}

	private refuseFullQueue(key: string): Answer {
		const { retryAfter } = this.settings;
		const seconds = retryAfter === 'exact' ? Math.ceil(this.queue.secondsUntilAccepted(key)) : retryAfter;
		const message = `Rate limit exceeded. Maximum ${this.settings.queueLimit} queued requests allowed.`;
		return answerError(message, 429, Number.isFinite(seconds) ? { retry_after: seconds } : {});
	}

	/**
	 * Fetches the images of a submit. Each must be an image.
	 *
	 * @returns the first image. The object is made from it.
	 * @throws the first error, one of {@link isImageError}
	 */
	private async fetchPictures(links: string[]): Promise<StoredPicture | undefined> {
		let first: StoredPicture | undefined;
		for (const link of links) {
			const picture = await this.pictures.add(await this.readImage(link));
			first ??= picture;
		}
		return first;
	}

	/** Reads the file behind an image link. A link to this server causes no request, since that would use up faults. */
	private async readImage(link: string): Promise<Buffer> {
		const url = URL.canParse(link) ? new URL(link) : undefined;
		if (url?.origin !== this.origin) return await fetchImage(link, this.stopping.signal);
		const name = path.posix.basename(decodeURIComponent(url.pathname));
		const { status, body } = await (url.pathname.startsWith('/samples/')
			? this.readSample(name)
			: this.download(name));
		if (status !== 200) throw new FetchImageError(`no file ${name}`);
		return body;
	}

	private answerJob(job: Job): Answer {
		const { endsAt, outcome } = job.record;
		if (this.queue.hasEnded(job)) {
			return answerJson({
				...describeResult(job, this.origin),
				...(outcome === 'failed' ? { output: '' } : {}),
			});
		}
		const { eta } = this.settings;
		const seconds = (endsAt - this.clock.now()) / 1000;
		const answered = eta === 'missing' ? undefined : eta === 'exact' ? seconds : seconds * eta.factor;
		return answerJson(describeProcessing(job, this.origin, answered));
	}
}
