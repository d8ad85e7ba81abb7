import type { AccountConnection } from '../account/ask';
import { readRequestCount } from '../account/balance';
import { mayPass, readRequestedPause } from '../api/judge';
import type { Clock } from '../async/clock';
import type { Account } from '../polling/account';

/** How long a count of the requests may take, ms. */
const COUNT_LIMIT_MS = 10_000;

/**
 * Holds back the submits of a run while the service will probably refuse them, as far as the account's
 * {@link SubmitRoom} knows. Items pass in their order. One that is refused waits again, and wakes up before the next one.
 */
export class SubmitGate {
	private waiting = 0;
	private last: Promise<void> = Promise.resolve();
	private progressAt: number;

	constructor(
		private readonly connection: AccountConnection,
		private readonly account: Account,
	) {
		this.progressAt = this.clock.now();
	}

	private get clock(): Clock {
		return this.connection.clock;
	}

	/** Whether a submit has to queue. */
	get isClosed(): boolean {
		const now = this.clock.now();
		return this.waiting > 0 || this.account.getNextSubmit(now) > now;
	}

	/** When a submit of this run was last accepted, or a job of it ended, ms of the clock. */
	get lastProgress(): number {
		return this.progressAt;
	}

	/** Notes that a submit of this run was accepted. */
	noteAccepted(): void {
		this.progressAt = this.clock.now();
	}

	/** Notes that the service has ended a job of this run, well or badly, so that its slot in the queue is free. */
	noteEnded(): void {
		this.progressAt = this.clock.now();
		this.account.noteEnded(this.progressAt);
	}

	/** Queues, then runs `work`. The next one passes when `work` calls `leave`, or when it ends. */
	async pass<T>(work: (leave: () => void) => Promise<T>): Promise<T> {
		const before = this.last;
		let leave = () => {};
		this.last = new Promise((resolve) => {
			leave = resolve;
		});
		this.waiting += 1;
		try {
			await before;
			return await work(leave);
		} finally {
			this.waiting -= 1;
			leave();
		}
	}

	/**
	 * How long the gate stays closed as far as is known now, ms. 0 or less when it is open, or when `deadline` (ms of the
	 * clock) has come. A submit that finds the gate open has to be sent at once: other runs use the same account.
	 */
	getClosedMs(deadline: number): number {
		const now = this.clock.now();
		return Math.min(this.account.getNextSubmit(now), deadline) - now;
	}

	/** Waits for `ms`, or until there may be room. While the service refuses more jobs, it is asked how many it works on. */
	async wait(ms: number): Promise<void> {
		const { clock, signal } = this.connection;
		const now = clock.now();
		const countMs = this.account.room.getNextCount(now) - now;
		// A slot may become free during the count, so nothing waits for its answer.
		if (countMs <= 0) void this.count();
		await this.account.roomFreed.wait(clock, countMs > 0 ? Math.min(ms, countMs) : ms, signal);
	}

	private async count(): Promise<void> {
		const { clock, service, signal } = this.connection;
		const { account } = this;
		const { counts } = account.room;
		account.room.noteCountBegun();
		account.pace.count(clock.now());
		const answer = await service.callAccount('countRequests', {}, COUNT_LIMIT_MS, signal);
		const now = clock.now();
		const requests = answer.state === 'answered' ? readRequestCount(answer.body) : undefined;
		if (requests !== undefined) account.room.noteCount(requests, now, account.openCount);
		else if (answer.state === 'answered' || !mayPass(answer)) counts.giveUp(now);
		else counts.noteFailed(now, 1000 * (readRequestedPause(answer) ?? 0));
		account.roomFreed.notifyAll();
	}
}
