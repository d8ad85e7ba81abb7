/** The usual time between two counts, ms. The service documents 30 a minute, of all clients of the account together. */
const MIN_INTERVAL_MS = 2000;
const MAX_INTERVAL_MS = 60_000;
/** It is at least this share of the time that a submit has waited: jobs of minutes need few counts. */
const WAITED_SHARE = 0.1;

/** How much rarer the counts of a process are that has open jobs: their ends bring slots, too. */
const RARER_WITH_OPEN_JOBS = 2;

/** A process with so many slots of the queue shares it with few others, so there are enough counts for all of them. */
const LARGE_SHARE = 3;
/** How soon after a count such a process counts again when one of its jobs ends, ms. */
const AGAIN_MS = 1000;

/** After this many submits in a row that were refused although the count had shown a free slot, it counts something else. */
const MAX_MISSES = 3;
/** How long it is not asked for then, and when the service does not have it, ms. */
const USELESS_MS = 600_000;

/** What a process knows of the queue beside the count. */
interface QueueFacts {
	/** How many jobs of this process are in it. */
	open: number;
	/** How many of its free slots the next submits of this process take anyway. */
	taken: number;
	/** How many jobs it takes, if the service has said it. */
	limit: number | undefined;
}

/**
 * Plans when to count the account's requests, to find the slots of the queue that other clients have left. While the
 * service wants a pause, that is the only way to know of them. All times are ms of the clock.
 */
export class CountPlan {
	private intervalMs = MIN_INTERVAL_MS;
	private next = -Infinity;
	private countedAt = -Infinity;
	/** When a submit was first refused of those that wait now. */
	private waitingSince?: number;
	/** How many jobs of this process were open when a submit was last accepted. */
	private open = 0;
	private isCounting = false;
	/** When the service may be asked again. */
	private allowedAt = -Infinity;
	/** Whether the latest count has shown a free slot, and no submit has been answered since. */
	private hasShownSlot = false;
	private misses = 0;
	/** The most requests that were counted: the size of the queue, if the service has not said it. */
	private most = 0;

	/** @param random from 0 to 1 */
	constructor(private readonly random: () => number) {}

	/** When the next count is due. */
	getNext(): number {
		return this.isCounting ? Infinity : Math.max(this.next, this.allowedAt);
	}

	/** Notes that a submit was refused because the queue is full. */
	noteRefused(now: number): void {
		if (this.hasShownSlot) this.misses += 1;
		this.hasShownSlot = false;
		this.waitingSince ??= now;
		if (this.misses >= MAX_MISSES) this.giveUp(now);
		else if (this.next < now) this.plan(now);
	}

	/** Notes that a submit was accepted. @param open how many jobs of this process are open now */
	noteAccepted(open: number): void {
		this.open = open;
		this.waitingSince = undefined;
		this.misses = 0;
		this.hasShownSlot = false;
		this.intervalMs = MIN_INTERVAL_MS;
	}

	/** Notes that a job of this process has ended. Those of other processes may have ended, too, and no others have begun. */
	noteEnded(now: number): void {
		if (this.open < LARGE_SHARE) return;
		this.next = Math.min(this.next, Math.max(now, this.countedAt + AGAIN_MS));
	}

	/** Notes that a count has been begun, so that there is no other one before its answer. */
	noteBegun(): void {
		this.isCounting = true;
	}

	/**
	 * Notes how many requests of the account the service works on.
	 *
	 * @returns how many slots are free
	 */
	noteCount(count: number, now: number, { open, taken, limit }: QueueFacts): number {
		this.isCounting = false;
		this.countedAt = now;
		this.plan(now, open > 0 ? RARER_WITH_OPEN_JOBS : 1);
		this.most = Math.max(this.most, count);
		const free = Math.max(0, (limit ?? this.most) - count - taken);
		this.hasShownSlot = free > 0;
		return free;
	}

	/** Notes that there was no count: other clients have asked too often, or the service is in trouble. */
	noteFailed(now: number, requestedMs: number): void {
		this.isCounting = false;
		this.intervalMs = Math.min(MAX_INTERVAL_MS, 2 * this.intervalMs);
		this.plan(now);
		this.allowedAt = now + requestedMs;
	}

	/** Stops counting for some time. */
	giveUp(now: number): void {
		this.isCounting = false;
		this.misses = 0;
		this.allowedAt = now + USELESS_MS;
	}

	/** Counts of several processes do not come at the same moment. */
	private plan(now: number, factor = 1): void {
		const waited = now - (this.waitingSince ?? now);
		const interval = Math.max(this.intervalMs * factor, WAITED_SHARE * waited);
		this.next = now + Math.min(MAX_INTERVAL_MS, interval) * (0.75 + this.random() / 2);
	}
}
