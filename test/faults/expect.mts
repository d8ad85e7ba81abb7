/**
 * What has to hold in each cell of the fault table, from rules in words. It knows nothing of how the node is made.
 *
 * 1. A submit is paid. It is repeated only when it certainly did not arrive, or was refused because of a limit. So a
 *    submit without a readable answer fails its item, and no retry sends it again.
 * 2. What is free (a fetch, an upload, a download) is repeated while it may bring something else, for as long as
 *    Timeout says. So what passes is not noticed, and what stays fails the item.
 * 3. What the service refuses fails the item at once. A retry of the node may ask again: for the job that was
 *    accepted, or with a new submit if none was.
 * 4. A job that the service itself ended as failed is over. A retry of the node submits anew: the one case in which an
 *    item is paid more than once.
 * 5. An execution at rest is woken by what the API says, not by the call. While the API cannot be asked it rests on, and
 *    when its time is up its jobs leave as references. A call is only a reason to ask: what is refused once when a
 *    call comes is asked for again by the node itself.
 * 6. The time that the service asks to wait is kept. But a job of the account that ends leaves a place in its queue, which
 *    may be filled at once; when the time of a submit or of a watched job is up, the service is asked once more whatever it
 *    said; a call comes once and wants its answer in 30 s, so that nothing is waited for then; and n8n begins a retry of
 *    the node when it likes.
 * 7. An item's failure concerns this item: with Continue every other one arrives. When the node stops, no item leaves.
 */
import type { Cell, Mode } from './cells.mts';

/** What becomes of an item. `result`: the job's end, with its files where they were wanted. `reference`: its ID. */
export type Fate = 'result' | 'reference' | 'error';

export interface Expectation {
	/** What may become of the item that the fault hits; several where no rule decides. */
	hit: readonly Fate[];
	/** What becomes of the other one, unless the node stops. */
	other: Fate;
	/** The jobs that may be paid for the item that is hit. Each other item has one, or none when the node stopped. */
	mostJobs: number;
	/** Whether a job that failed was submitted anew, which is why there may be more than one. */
	isPaidAnew: boolean;
	/** The least time between a request that is hit and the next one for the same item, s. */
	leastPause: number;
	/** How many requests may come sooner than that. */
	mostEarly: number;
	/** The longest that all may take, s of the clock. */
	longest: number;
	/** Whether the error of a submit has to say that its job may have been accepted, or must not say so. */
	mayBePaid?: boolean;
	/** How often the workflow of a trigger starts for the item that is hit; the other one starts it once. */
	starts?: number;
}

/** How fast all goes, s. */
export interface Pace {
	/** The node's Timeout. */
	timeout: number;
	/** How long a job takes. */
	jobSeconds: number;
	/** The longest that a free request may hang. */
	hanging: number;
	/** What the pauses between tries, and looks that are not taken at the very moment, may add. */
	slack: number;
}

/** By a clock that jumps. */
export const JUMPING: Pace = { timeout: 120, jobSeconds: 10, hanging: 60, slack: 40 };

/** Tries of a node with Retry On Fail. */
export const TRIES = 3;

/** What a fault comes to for its item, before the node is run again. */
type Effect =
	/** Nobody notices. */
	| 'passes'
	/** The item fails, and what it was to do can be done again. */
	| 'fails'
	/** The item fails, and nothing may be sent again. */
	| 'failsForGood'
	/** The item fails, and its job is over. */
	| 'jobIsOver'
	/** The execution rests until its time is up. */
	| 'restsOn';

/** Nothing was done, and the same request is welcome later. */
const LATER = ['notSent', 'notNow', 'noPlace'];

const TRANSIENT = [...LATER, 'noAnswer', 'noFile'];

function effectOf({ place, means, persistence, mode }: Cell): Effect {
	const isOnce = persistence === 'once';
	if (means === 'harmless') return 'passes';
	switch (place) {
		case 'submit':
			if (LATER.includes(means)) return isOnce ? 'passes' : 'fails';
			if (means === 'forbiddenFile') return mode === 'none' ? 'passes' : 'failsForGood';
			return means === 'refused' || means === 'failed' ? 'fails' : 'failsForGood';
		case 'upload':
			return isOnce && TRANSIENT.includes(means) ? 'passes' : 'fails';
		case 'fetch':
			// An answer that says "success" is the job's end, whenever it comes.
			if (means === 'forbiddenFile') return mode === 'none' ? 'passes' : 'failsForGood';
			// Whoever fetches a job of another execution has nothing to submit.
			if (means === 'failed') return mode === 'none' ? 'fails' : 'jobIsOver';
			if (mode === 'suspended') {
				if (isOnce) return 'passes';
				return [...LATER, 'noAnswer'].includes(means) ? 'restsOn' : 'fails';
			}
			return isOnce && TRANSIENT.includes(means) ? 'passes' : 'fails';
		case 'download':
			return isOnce && means === 'passes' ? 'passes' : 'fails';
		case 'webhook':
			// The trigger's workflow is another one; at rest, a right call after the spoilt one wakes the node.
			if (mode !== 'suspended' || isOnce || means === 'tellsNothing') return 'passes';
			return 'restsOn';
	}
}

/** What leaves when nothing is wrong. */
function usual({ place }: Cell, mode: Mode): Fate {
	// Without waiting, a job that has ended long ago comes as it is when it is fetched.
	return mode === 'none' && place !== 'fetch' ? 'reference' : 'result';
}

/** What becomes of the item in the end, after all tries. */
function fatesOf(cell: Cell, effect: Effect): readonly Fate[] {
	const { place, persistence, mode, onError, isRetried } = cell;
	const good: Fate = place === 'submit' && isDoneAtOnce(cell) ? 'result' : usual(cell, mode);
	switch (effect) {
		case 'passes':
			return [good];
		case 'restsOn':
			return ['reference'];
		case 'failsForGood':
			return ['error'];
		case 'fails':
		case 'jobIsOver': {
			if (!isRetried || persistence === 'always') return ['error'];
			// n8n repeats a node that continues as a courtesy, and knows nothing of what failed before a rest.
			const isFirst = place === 'submit' || place === 'upload';
			const isBeforeRest = mode === 'suspended' && isFirst && onError !== 'stop';
			if (isBeforeRest) return [good, 'error'];
			return [good];
		}
	}
}

const isDoneAtOnce = ({ fault, means }: Cell) =>
	fault === 'success, then processing' || means === 'forbiddenFile';

/** How long the fault itself may hold its item up in one try, s. */
function delayOf(
	{ place, means, fault, persistence, mode, waitSeconds = 0 }: Cell,
	effect: Effect,
	{ timeout, jobSeconds, hanging }: Pace,
): number {
	if (effect === 'restsOn') return timeout;
	if (means === 'harmless' && place !== 'webhook') return 0;
	if (means === 'slow') return timeout;
	const isHanging = fault === 'timeout' || fault === 'slow drip';
	if (place === 'submit' && isHanging) return timeout;
	if (persistence === 'always' && effect !== 'passes') {
		return means === 'refused' || means === 'failed' || effect === 'failsForGood' ? 0 : timeout;
	}
	// The call comes a minute late at most.
	if (place === 'webhook') return mode === 'none' ? 90 : 60;
	return isHanging ? hanging : waitSeconds + jobSeconds;
}

export function expectationOf(cell: Cell, pace: Pace): Expectation {
	const { jobSeconds, slack } = pace;
	const { place, means, mode, persistence, isRetried, waitSeconds = 0 } = cell;
	const effect = effectOf(cell);
	const isPaidAnew = effect === 'jobIsOver' && isRetried;
	// An outage of the service or of the way to it concerns all.
	const isCommon = means === 'notSent' && place !== 'download';
	const hit = fatesOf(cell, effect);
	const failedTries = persistence === 'always' && isRetried ? TRIES : 1;
	// The last request before each try is given up.
	const isAskedLast = place === 'submit' || (place === 'fetch' && mode === 'poll');
	const lastRequests = isAskedLast && persistence === 'always' ? failedTries : 0;
	const isWaitedFor =
		!(place === 'submit' && means === 'noPlace') && !(place === 'fetch' && mode === 'suspended');
	return {
		hit,
		other: isCommon || effect === 'restsOn' ? (hit[0] as Fate) : usual(cell, mode),
		mostJobs: isPaidAnew ? (persistence === 'always' ? TRIES : 2) : 1,
		isPaidAnew,
		...(place === 'submit' && means !== 'forbiddenFile' && { mayBePaid: effect === 'failsForGood' }),
		leastPause: isWaitedFor ? waitSeconds : 0,
		mostEarly: failedTries - 1 + lastRequests,
		longest: slack + 2 * jobSeconds + failedTries * (jobSeconds + delayOf(cell, effect, pace)),
		...(place === 'webhook' &&
			mode !== 'suspended' && { starts: means === 'harmless' || persistence === 'once' ? 1 : 0 }),
	};
}
