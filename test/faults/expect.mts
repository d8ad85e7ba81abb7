/**
 * What has to hold in each cell of the fault table, from rules in words. It knows nothing of how the node is made.
 *
 * 1. Paid once. A submit is repeated only when it certainly did not arrive, or was refused because of a limit. An answer
 *    with a job in it means accepted, whatever its code and its status. A submit without a readable answer fails its
 *    item, and no retry sends it again.
 * 2. What is free (a fetch, an upload, a download) is repeated while it may bring something else, for as long as
 *    Timeout says. So what passes is not noticed, and what stays fails the item.
 * 3. What the service refuses fails the item at once, where nothing was paid. A retry of the node may ask again.
 * 4. A job that is known to be accepted is over when the service says so by its ID. A retry of the node submits anew: the
 *    one case in which an item is paid more than once. Other ends count once they have been said for a minute (half of it
 *    where the result was withheld), and a refused key when it was refused twice, 10 s apart; a retry then fetches first.
 *    Nothing else ends the watching but Timeout: not "not found", no page, no word that nobody knows.
 * 5. An execution at rest is woken by what the API says, not by the call, and by the same ends. While the API says none
 *    it rests on, and when its time is up its jobs leave as references. A call is only a reason to ask: what is refused
 *    once when a call comes is asked for again by the node itself, or by the next call.
 * 6. The time that the service asks to wait is kept. But a job of the account that ends leaves a place in its queue, which
 *    may be filled at once; when the time of a submit or of a watched job is up, the service is asked once more whatever it
 *    said; a call comes once and wants its answer in 30 s, so that nothing is waited for then; and n8n begins a retry of
 *    the node when it likes.
 * 7. An item's failure concerns this item: with Continue every other one arrives. When the node stops, no item leaves.
 * 8. ID told. An ID that the service has told, in whatever form, stands in the item, in the error or in n8n's log, as it
 *    was written.
 * 9. What the error says of what was paid is true: "no" when no job was accepted, "yes" when one was, and "unknown" only
 *    where no answer told it; then the message says that it may have been accepted and paid.
 */
import type { Cell, Mode } from './cells.mts';
import { faultOf } from './faults.mts';

/** What becomes of an item. `result`: the job's end, with its files where they were wanted. `reference`: its ID. */
export type Fate = 'result' | 'reference' | 'error';

/** What an error says of whether the item's job is paid. */
export type Paid = 'no' | 'yes' | 'unknown';

export interface Expectation {
	/** What may become of the item that the fault hits; several where no rule decides. */
	hit: readonly Fate[];
	/** What may become of the other one, unless the node stops. */
	other: readonly Fate[];
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
	/** What has to pass before the item may fail, s of the clock. */
	least: number;
	/** What an error of the item may say of what was paid. */
	paid: readonly Paid[];
	/** What an error of the item has to say. */
	says?: RegExp;
	/** How often the workflow of a trigger may start for the item that is hit; the other one starts it once. */
	starts?: readonly number[];
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
	| 'restsOn'
	/** The job leaves as one that has not ended. */
	| 'isOpen'
	/** No rule says which of these. */
	| 'mayFail'
	| 'mayRest'
	| 'failsOrRests';

/** Nothing was done, and the same request is welcome later. */
const LATER = ['notSent', 'notNow', 'noPlace'];

const TRANSIENT = [...LATER, 'noAnswer', 'noFile'];

function effectOf(cell: Cell): Effect {
	const { place, means, persistence, mode } = cell;
	const isOnce = persistence === 'once';
	if (means === 'harmless' && place !== 'webhook') return 'passes';
	switch (place) {
		case 'submit':
			return effectOnSubmit(cell);
		case 'upload':
			if (isOnce && TRANSIENT.includes(means)) return 'passes';
			return ['open', 'noAccess', 'notFound', 'doubtfulEnd'].includes(means) ? 'mayFail' : 'fails';
		case 'fetch':
			return effectOnFetch(cell);
		case 'download':
			return isOnce && means === 'passes' ? 'passes' : 'fails';
		case 'webhook':
			// The trigger's workflow is another one; at rest, a right call after the spoilt one wakes the node.
			if (mode !== 'suspended' || isOnce || means === 'tellsNothing' || means === 'harmless') return 'passes';
			// It may be that the node waits for the end that it was told.
			return means === 'early' ? 'mayRest' : 'restsOn';
	}
}

function effectOnSubmit({ means, persistence, mode }: Cell): Effect {
	if (LATER.includes(means)) return persistence === 'once' ? 'passes' : 'fails';
	switch (means) {
		// A job that was accepted is watched, whatever the submit's answer says of it.
		case 'processing':
		case 'unknownStatus':
		case 'noFile':
			return 'passes';
		case 'forbiddenFile':
			return mode === 'none' ? 'passes' : 'failsForGood';
		case 'failed':
			return 'jobIsOver';
		case 'noAnswer':
		case 'unnamed':
			return 'failsForGood';
		case 'cutOff':
			return 'mayFail';
		default:
			return 'fails';
	}
}

/** Whether whoever asks for a job by its ID may take an answer as the last word: nothing is lost by it. */
const mayBeFinal = (means: Cell['means']) => ['refused', 'noAccess', 'open'].includes(means);

function effectOnFetch({ means, persistence, mode }: Cell): Effect {
	// An answer that says "success" is the job's end, whenever it comes.
	if (means === 'forbiddenFile') return mode === 'none' ? 'passes' : 'failsForGood';
	// Whoever fetches a job of another execution has nothing to submit.
	if (means === 'failed') return mode === 'none' ? 'fails' : 'jobIsOver';
	if (means === 'processing' && mode === 'none') return 'isOpen';
	if (persistence === 'once') return mode === 'none' && mayBeFinal(means) ? 'mayFail' : 'passes';
	if (means === 'open') return mode === 'suspended' ? 'mayRest' : 'mayFail';
	if (mode !== 'suspended' || means === 'noAccess') return 'fails';
	// A call is answered before a minute is over.
	return means === 'doubtfulEnd' || means === 'noFile' ? 'failsOrRests' : 'restsOn';
}

/** What leaves when nothing is wrong. */
function usual({ place }: Cell, mode: Mode): Fate {
	// Without waiting, a job that has ended long ago comes as it is when it is fetched.
	return mode === 'none' && place !== 'fetch' ? 'reference' : 'result';
}

/** What becomes of the item in the end, after all tries. */
function fatesOf(cell: Cell, effect: Effect): readonly Fate[] {
	const { place, means, persistence, mode, onError, isRetried } = cell;
	const good: Fate = place === 'submit' && faultOf(cell)?.isDoneAtOnce ? 'result' : usual(cell, mode);
	switch (effect) {
		case 'passes':
			// A submit that was answered with "success" is a result without a file.
			return means === 'noFile' && place === 'submit' && mode === 'none' ? [good, 'result'] : [good];
		case 'restsOn':
		case 'isOpen':
			return ['reference'];
		case 'mayRest':
			return means === 'open' ? [good, 'reference', 'error'] : [good, 'reference'];
		case 'failsOrRests':
			return ['error', 'reference'];
		case 'mayFail':
			return [good, 'error'];
		case 'failsForGood':
			return ['error'];
		case 'fails':
		case 'jobIsOver': {
			if (!isRetried || persistence === 'always') return ['error'];
			// n8n repeats a node that continues as a courtesy, and knows nothing of what failed before a rest.
			const isFirst = place === 'submit' || place === 'upload';
			const isBeforeRest = mode === 'suspended' && isFirst && onError !== 'stop';
			// Whether it may be submitted again is left open with the rest.
			const isOpen = means === 'open' && place === 'submit';
			return isBeforeRest || isOpen ? [good, 'error'] : [good];
		}
	}
}

/** How long the fault itself may hold its item up in one try, s. */
function delayOf(cell: Cell, effect: Effect, { timeout, jobSeconds, hanging }: Pace): number {
	const { place, means, fault, persistence, mode, waitSeconds = 0 } = cell;
	if (['restsOn', 'mayRest', 'failsOrRests'].includes(effect)) return timeout;
	if (means === 'harmless' && place !== 'webhook') return faultOf(cell)?.lasts ?? 0;
	if (means === 'slow') return timeout;
	const isHanging = fault === 'timeout' || fault === 'slow drip';
	if (place === 'submit' && isHanging) return timeout;
	if (persistence === 'always' && effect !== 'passes') {
		const isAtOnce = place === 'submit' && !LATER.includes(means);
		return isAtOnce || means === 'failed' || effect === 'failsForGood' ? 0 : timeout;
	}
	// The call comes a minute late at most.
	if (place === 'webhook') return mode === 'none' ? 90 : 60;
	return isHanging ? hanging : waitSeconds + jobSeconds;
}

/** How long a watched job's end has to be said until it counts, s. */
const SAID_FOR = 60;
const REFUSED_FOR = 10;

/** The earliest that a fetch which never brings the job's end may fail its item, s. */
function leastOf(cell: Cell, { timeout }: Pace): number {
	const { place, means, mode, persistence } = cell;
	if (place !== 'fetch' || mode !== 'poll' || persistence === 'once') return 0;
	switch (means) {
		case 'harmless':
		case 'forbiddenFile':
		case 'failed':
		case 'open':
			return 0;
		case 'noAccess':
			return Math.min(REFUSED_FOR, timeout);
		case 'doubtfulEnd':
		case 'noFile':
			return Math.min(faultOf(cell)?.saidFor ?? SAID_FOR, timeout);
		default:
			return timeout;
	}
}

/** What an error may say of what was paid. */
function paidOf({ place, means, mode }: Cell, effect: Effect): readonly Paid[] {
	if (place === 'upload') return ['no'];
	// Whoever asks for a job by its ID has paid for nothing, the job is paid for, and it may be nobody's.
	if (place === 'fetch' && mode === 'none') return ['no', 'yes', 'unknown'];
	if (place !== 'submit') return ['yes'];
	if (means === 'open') return ['no', 'unknown'];
	if (means === 'noAnswer' || means === 'cutOff') return ['unknown'];
	return effect === 'fails' ? ['no'] : ['yes'];
}

export function expectationOf(cell: Cell, pace: Pace): Expectation {
	const { jobSeconds, slack } = pace;
	const { place, means, mode, persistence, isRetried, waitSeconds = 0 } = cell;
	const says = place === 'submit' ? faultOf(cell)?.says : undefined;
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
		other: isCommon || effect === 'restsOn' ? hit : othersOf(cell, effect),
		mostJobs: isPaidAnew ? (persistence === 'always' ? TRIES : 2) : 1,
		isPaidAnew,
		least: leastOf(cell, pace),
		paid: paidOf(cell, effect),
		...(says && { says }),
		leastPause: isWaitedFor ? waitSeconds : 0,
		mostEarly: failedTries - 1 + lastRequests,
		longest: slack + 2 * jobSeconds + failedTries * (jobSeconds + delayOf(cell, effect, pace)),
		...(place === 'webhook' &&
			mode !== 'suspended' && {
				starts: means === 'harmless' || persistence === 'once' ? [1] : startsOf(means),
			}),
	};
}

/** Of a call that came too early, the trigger may wait for the end. */
const startsOf = (means: Cell['means']) => (means === 'early' ? [0, 1] : [0]);

function othersOf(cell: Cell, effect: Effect): readonly Fate[] {
	const good = usual(cell, cell.mode);
	return effect === 'mayRest' || effect === 'failsOrRests' ? [good, 'reference'] : [good];
}
