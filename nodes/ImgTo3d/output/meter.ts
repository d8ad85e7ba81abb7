/** Checks a download's bytes on their way into n8n's storage. */
import type { Connection } from '../api/connection';
import type { Readable } from '../api/transport';
import { StoppedError } from '../async/cancellation';
import { FileWalk } from '../file-walk';
import { describeCutOff, HEAD_BYTES, findMismatch, type FileKind } from '../file-type';
import { MeshReader, type MeshFacts } from '../mesh';
import type { Delivery } from '../request';
import {
	describeIncomplete,
	describeOverQuota,
	describeStalled,
	describeTooLarge,
	type DownloadFailure,
} from './download-failure';

/** How long no byte may arrive before a download is given up and tried again, ms. */
const STALL_MS = 60_000;

/** What is known about a download before its first byte. */
export interface Expectation {
	/** Whether the server has said how long the file is. */
	isLengthKnown: boolean;
	/** ms of the clock */
	deadline: number;
}

/** Counts a download's bytes as they pass. Ends it when it is too large, too slow, of the wrong kind, or not needed any more. */
export class Meter {
	/** Why the download was given up. */
	failure?: DownloadFailure;
	/** Whether the bytes ended too early. Any other error comes from n8n's storage. */
	isBroken = false;
	/** Whether {@link start} is the whole file. */
	isWhole = false;
	/** The beginning of the file: {@link HEAD_BYTES} or more, or all. */
	start: Buffer = Buffer.alloc(0);
	/** How many bytes have passed. */
	length = 0;
	private lastByteAt: number;
	private kind: FileKind | undefined;
	/** Set if only the file's own structure shows whether it is complete. */
	private fileEnd: FileWalk | undefined;
	private meshReader: MeshReader | undefined;
	private readonly stopped = new AbortController();

	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly expected: Expectation,
		private readonly body: Readable,
	) {
		this.lastByteAt = connection.clock.now();
		body.on('error', () => {
			this.isBroken = true;
		});
	}

	/** The bytes by which the file's kind is recognized. */
	get head(): Buffer {
		return this.start.subarray(0, HEAD_BYTES);
	}

	/** Reads the beginning of the file, before anything of it is stored. The rest stays in the body. */
	async readStart(): Promise<void> {
		const chunks: Buffer[] = [];
		let length = 0;
		this.isWhole = true;
		for await (const chunk of this.body.iterator({ destroyOnReturn: false })) {
			chunks.push(chunk as Buffer);
			length += (chunk as Buffer).length;
			this.lastByteAt = this.connection.clock.now();
			if (length < HEAD_BYTES) continue;
			this.isWhole = false;
			// At once: after its end, a body takes nothing back.
			this.body.unshift(Buffer.concat(chunks));
			break;
		}
		this.start = Buffer.concat(chunks);
		if (length > this.delivery.maxFileBytes) this.giveUp(describeTooLarge(this.delivery));
	}

	/**
	 * Lets the file pass, from its beginning.
	 *
	 * @param kind what it must be, if that is known
	 * @returns the same bytes, counted
	 */
	pass(kind: FileKind | undefined): Buffer | Readable {
		this.kind = kind;
		this.meshReader = new MeshReader(kind?.name);
		const walk = this.expected.isLengthKnown ? undefined : kind?.walk;
		this.fileEnd = walk && new FileWalk(walk());
		if (this.isWhole) return this.count(this.start);
		return this.body.map((chunk: Buffer) => this.count(chunk), { concurrency: 1 });
	}

	/** Says what a file that has arrived holds, if it is a mesh. */
	describeMesh(): MeshFacts | undefined {
		return this.meshReader?.finish();
	}

	/** Checks a file that has arrived: whether it is complete, and of the kind that it must be. */
	findMismatch(): DownloadFailure | undefined {
		const { kind, length } = this;
		const mismatch = kind && findMismatch(kind, this.head, length);
		return mismatch ?? (this.fileEnd?.isComplete === false ? describeCutOff(length) : undefined);
	}

	private count(chunk: Buffer): Buffer {
		this.length += chunk.length;
		this.lastByteAt = this.connection.clock.now();
		this.fileEnd?.take(chunk);
		this.meshReader?.take(chunk);
		if (this.length > this.delivery.maxFileBytes) this.giveUp(describeTooLarge(this.delivery));
		if (this.delivery.quota?.take(chunk.length) === false) this.giveUp(describeOverQuota());
		return chunk;
	}

	/**
	 * Gives the download up when it stalls, is late, or is not needed any more.
	 *
	 * @throws StoppedError then, and after {@link stop}
	 */
	async waitForFailure(): Promise<never> {
		const { clock, signal } = this.connection;
		const { deadline } = this.expected;
		const stop = AbortSignal.any([signal, this.stopped.signal]);
		while (!this.stopped.signal.aborted) {
			const limit = Math.min(this.lastByteAt + STALL_MS, deadline);
			if (signal.aborted || clock.now() >= limit) {
				this.giveUp(clock.now() >= deadline ? describeIncomplete(this.delivery) : describeStalled(STALL_MS));
				break;
			}
			await clock.sleep(limit - clock.now(), stop);
		}
		throw new StoppedError();
	}

	/** Ends {@link waitForFailure}. */
	stop(): void {
		this.stopped.abort();
	}

	/** Ends the download. */
	giveUp(failure: DownloadFailure): void {
		this.failure ??= failure;
		this.body.destroy(new StoppedError(failure.problem));
	}
}
