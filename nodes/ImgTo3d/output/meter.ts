/** Checks a download's bytes on their way into n8n's storage. */
import type { Connection } from '../api/connection';
import type { Readable } from '../api/transport';
import { StoppedError } from '../async/cancellation';
import { FileWalk } from '../file-walk';
import type { FileIdentity } from '../file-name';
import { describeCutOff, HEAD_BYTES, findKind, findMismatch, type FileKind } from '../file-type';
import { MeshReader, type MeshFacts } from '../mesh';
import type { Delivery } from '../request';
import {
	describeIncomplete,
	describeStalled,
	describeTooLarge,
	type DownloadFailure,
} from './download-failure';

/** How long no byte may arrive before a download is given up and tried again, ms. */
const STALL_MS = 60_000;

/** What is known about a download before its first byte. */
export interface Expectation {
	identity: FileIdentity;
	/** Whether the server has said how long the file is. */
	isLengthKnown: boolean;
	/** ms of the clock */
	deadline: number;
}

/** Counts a download's bytes as they pass. Ends it when it is too large, too slow, of the wrong kind, or not needed any more. */
export class Meter {
	/** The same bytes, counted. */
	readonly measured: Readable;
	/** Why the download was given up. */
	failure?: DownloadFailure;
	/** Whether the bytes ended too early. Any other error comes from n8n's storage. */
	isBroken = false;
	/** How many bytes have passed. */
	length = 0;
	private readonly headChunks: Buffer[] = [];
	private headLength = 0;
	private lastByteAt: number;
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
		body.once('error', () => {
			this.isBroken = true;
		});
		this.measured = body.map((chunk: Buffer) => this.count(chunk), { concurrency: 1 });
	}

	/** The first bytes that have passed. */
	get head(): Buffer {
		return Buffer.concat(this.headChunks);
	}

	/** Says what a file that has arrived holds, if it is a mesh. */
	describeMesh(): MeshFacts | undefined {
		return this.meshReader?.finish();
	}

	/** Checks a file that has arrived: whether it is complete, and of the kind that it must be. */
	findMismatch(): DownloadFailure | undefined {
		if (this.headLength < HEAD_BYTES) this.follow();
		const { kind, length } = this;
		const mismatch = kind && findMismatch(kind, this.head, length);
		return mismatch ?? (this.fileEnd?.isComplete === false ? describeCutOff(length) : undefined);
	}

	/**
	 * The kind that the file must be. If neither its name nor its type says so, its first bytes decide. But that is checked
	 * only if the length is not known.
	 */
	private get kind(): FileKind | undefined {
		const { identity, isLengthKnown } = this.expected;
		return identity.kind ?? (identity.isUnnamed && !isLengthKnown ? findKind(this.head) : undefined);
	}

	private count(chunk: Buffer): Buffer {
		this.length += chunk.length;
		this.lastByteAt = this.connection.clock.now();
		const headPart = chunk.subarray(0, HEAD_BYTES - this.headLength);
		if (headPart.length > 0) this.addToHead(headPart);
		const rest = chunk.subarray(headPart.length);
		this.fileEnd?.take(rest);
		this.meshReader?.take(rest);
		if (this.length > this.delivery.maxFileBytes) this.giveUp(describeTooLarge(this.delivery));
		return chunk;
	}

	private addToHead(part: Buffer): void {
		this.headChunks.push(part);
		this.headLength += part.length;
		if (this.headLength < HEAD_BYTES) return;
		const { kind } = this;
		const mismatch = kind && findMismatch(kind, this.head);
		if (mismatch) this.giveUp(mismatch);
		this.follow();
	}

	/** Begins to follow what the file holds, once its first bytes say what it is. */
	private follow(): void {
		const { kind, head } = this;
		this.meshReader = new MeshReader((kind ?? findKind(head))?.name);
		this.meshReader.take(head);
		const walk = this.expected.isLengthKnown ? undefined : kind?.walk;
		if (!walk) return;
		this.fileEnd = new FileWalk(walk());
		this.fileEnd.take(head);
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

	private giveUp(failure: DownloadFailure): void {
		this.failure ??= failure;
		this.body.destroy(new StoppedError(failure.problem));
	}
}
