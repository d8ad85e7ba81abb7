/** A download's bytes on their way into n8n's storage. */
import type { Connection } from '../api/connection';
import type { Readable } from '../api/transport';
import { StoppedError } from '../async/cancellation';
import { FileEnd } from '../file-end';
import {
	describeCutOff,
	HEAD_BYTES,
	findKind,
	findMismatch,
	type FileIdentity,
	type FileKind,
} from '../file-type';
import type { Delivery } from '../request';

/** A download that brings no byte for this long is given up and tried again, ms. */
const STALL_MS = 60_000;

/** Why there is no file, and whether another try may bring it. */
export interface DownloadFailure {
	problem: string;
	httpCode?: number;
	mayPass: boolean;
	retryAfterSeconds?: number;
	/** Whether another address of the same file would not help either. */
	isSameAnywhere?: boolean;
}

export function describeTooLarge({ maxFileBytes }: Delivery, bytes?: number): DownloadFailure {
	const megabytes = (count: number) => Number((count / 1024 / 1024).toFixed(1));
	const size = bytes === undefined ? '' : ` (it has ${megabytes(bytes)} MB)`;
	return {
		problem: `it is larger than Max File Size allows, ${megabytes(maxFileBytes)} MB${size}`,
		mayPass: false,
		isSameAnywhere: true,
	};
}

/** Counts a download's bytes as they pass, and ends it when it is too large, too slow, not what it has to be, or no longer wanted. */
export class Meter {
	/** The same bytes, counted. */
	readonly measured: Readable;
	/** Why it was ended. */
	failure?: DownloadFailure;
	/** Whether the bytes stopped coming before the end: what else fails is n8n's storage. */
	isBroken = false;
	/** How many bytes have passed. */
	private length = 0;
	private readonly start: Buffer[] = [];
	private startLength = 0;
	private lastByteAt: number;
	/** Where the file's end has to tell whether all of it has come. */
	private end: FileEnd | undefined;
	private readonly ended = new AbortController();

	/** @param isOpenEnded whether the server has not said how long the file is */
	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly identity: FileIdentity,
		private readonly isOpenEnded: boolean,
		private readonly body: Readable,
		private readonly deadline: number,
	) {
		this.lastByteAt = connection.clock.now();
		body.once('error', () => {
			this.isBroken = true;
		});
		this.measured = body.map((chunk: Buffer) => this.count(chunk), { concurrency: 1 });
	}

	/** The first bytes that have passed. */
	get head(): Buffer {
		return Buffer.concat(this.start);
	}

	/** What a file that has come to its end is not, if it is not what it has to be. */
	mismatch(): DownloadFailure | undefined {
		if (this.startLength < HEAD_BYTES) this.followEnd();
		const { kind, length } = this;
		const mismatch = kind && findMismatch(kind, this.head, length);
		return mismatch ?? (this.end?.isWhole === false ? describeCutOff(length) : undefined);
	}

	/** What it has to be. What nothing names is what it begins as, but is held to that only where its end is open. */
	private get kind(): FileKind | undefined {
		const { kind, isUnnamed } = this.identity;
		return kind ?? (isUnnamed && this.isOpenEnded ? findKind(this.head) : undefined);
	}

	private count(chunk: Buffer): Buffer {
		this.length += chunk.length;
		this.lastByteAt = this.connection.clock.now();
		const part = chunk.subarray(0, HEAD_BYTES - this.startLength);
		if (part.length > 0) this.begin(part);
		this.end?.take(chunk.subarray(part.length));
		if (this.length > this.delivery.maxFileBytes) this.giveUp(describeTooLarge(this.delivery));
		return chunk;
	}

	private begin(part: Buffer): void {
		this.start.push(part);
		this.startLength += part.length;
		if (this.startLength < HEAD_BYTES) return;
		const { kind } = this;
		const mismatch = kind && findMismatch(kind, this.head);
		if (mismatch) this.giveUp(mismatch);
		this.followEnd();
	}

	private followEnd(): void {
		const walk = this.isOpenEnded ? this.kind?.walk : undefined;
		if (!walk) return;
		this.end = new FileEnd(walk());
		this.end.take(this.head);
	}

	/** Resolves with nothing once the download has been given up; the bytes stop coming then. */
	async watchdog(): Promise<undefined> {
		const { clock, signal } = this.connection;
		const either = AbortSignal.any([signal, this.ended.signal]);
		while (!this.ended.signal.aborted) {
			const limit = Math.min(this.lastByteAt + STALL_MS, this.deadline);
			if (signal.aborted || clock.now() >= limit) {
				const isLate = clock.now() >= this.deadline;
				this.giveUp({
					problem: isLate
						? `it was not complete after ${this.delivery.timeoutMs / 1000} s`
						: `no byte came for ${STALL_MS / 1000} s`,
					mayPass: true,
				});
				return undefined;
			}
			await clock.sleep(limit - clock.now(), either);
		}
		return undefined;
	}

	stop(): void {
		this.ended.abort();
	}

	private giveUp(failure: DownloadFailure): void {
		this.failure ??= failure;
		this.body.destroy(new StoppedError(failure.problem));
	}
}
