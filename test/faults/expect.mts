/**
 * What must hold in each cell of the fault table. It follows from rules in words, and not from how the node is made.
 *
 * 1. Paid once. A submit is repeated only when it certainly did not arrive, or was refused because of a limit. An answer
 *    with a job in it means accepted, whatever its HTTP code and its status. A submit without a readable answer fails its
 *    item, and no retry repeats it.
 * 2. What is free (a fetch, an upload, a download) is repeated until Timeout while another answer is possible. So nobody
 *    notices a fault that passes, and a fault that stays fails the item.
 * 3. If the service refuses a request and nothing was paid, the item fails at once. A retry of the node may send the
 *    request again.
 * 4. An accepted job has failed when the service reports "failed" with its ID. A retry of the node then submits anew. Only
 *    then is an item paid more than once. Other bad ends count when the service has reported them for a minute (half a
 *    minute if the result was withheld), and a refused key when it was refused twice, ten seconds apart. A retry then
 *    fetches first. Nothing else ends the polling but Timeout: not "not found", no page, no unknown status.
 * 5. The answer of the API resumes a suspended execution, and not the call. The same ends count. Without one, the
 *    execution stays suspended, and when Timeout is over, its jobs leave as references. A call is only a reason to ask the
 *    API. If the API refuses once at that moment, the node asks again, or the next call makes it ask.
 * 6. The node waits as long as the service asks it to. There are four exceptions. When a job of the account ends, its place
 *    in the queue may be filled at once. At the end of Timeout, a submit or a poll is sent once more. A call is answered
 *    within 30 s, so its handler waits for nothing. And n8n decides when a retry of the node begins.
 * 7. The failure of an item affects only this item. With Continue, every other item arrives. When the node stops, no item
 *    leaves.
 * 8. An ID that the service has sent, in whatever form, is in the item, in the error or in n8n's log, as the service wrote
 *    it.
 * 9. The error says correctly whether the job is paid: "no" when no job was accepted, "yes" when one was, and "unknown"
 *    only if no answer said so. Then the message says that the job may have been accepted and paid.
 */
import type { Cell, Mode } from './cells.mts';
import { findFault } from './faults.mts';

/** What becomes of an item. `result`: the end of the job, with its files if they are downloaded. `reference`: its ID. */
export type Fate = 'result' | 'reference' | 'error';

/** The field `paid` of an error. */
export type Paid = 'no' | 'yes' | 'unknown';

export interface Expectation {
	/** What may become of the item that the fault hits. Several fates if no rule decides. */
	hit: readonly Fate[];
	/** What may become of the other item, unless the node stops. */
	other: readonly Fate[];
	/** How many jobs may be paid for the item that is hit. Every other item has one, or none if the node stopped. */
	mostJobs: number;
	/** Whether a failed job is submitted anew, so that there may be more than one. */
	isPaidAnew: boolean;
	/** The shortest time between a request that is hit and the next one for the same item, s. */
	leastPause: number;
	/** How many requests may come earlier than that. */
	mostEarly: number;
	/** The longest that the run may take, s of the clock. */
	longest: number;
	/** The shortest time until the item may fail, s of the clock. */
	least: number;
	/** The values that `paid` may have in the item's error. */
	paid: readonly Paid[];
	/** What the item's error must say. */
	says?: RegExp;
	/** How often the trigger may start its workflow for the item that is hit. The other item starts it once. */
	starts?: readonly number[];
}

/** The durations of a run, s. */
export interface Pace {
	/** The node's Timeout. */
	timeout: number;
	/** How long a job takes. */
	jobSeconds: number;
	/** How long a free request may hang. */
	hanging: number;
	/** What pauses between tries, and polls that come a little late, may add. */
	slack: number;
}

/** For a clock that jumps. */
export const JUMPING: Pace = { timeout: 120, jobSeconds: 10, hanging: 60, slack: 40 };

/** How often n8n tries a node with Retry On Fail. */
export const TRIES = 3;

/** The effect of a fault on its item, before n8n tries the node again. */
type Effect =
	/** Nobody notices. */
	| 'passes'
	/** The item fails. A retry can do the same again. */
	| 'fails'
	/** The item fails. A retry must not submit it. */
	| 'failsForGood'
	/** The item fails. Its job has ended, so a retry submits it anew. */
	| 'jobIsOver'
	/** The execution stays suspended until Timeout. */
	| 'staysSuspended'
	/** The job leaves as one that has not ended. */
	| 'isOpen'
	/** No rule decides between these. */
	| 'mayFail'
	| 'mayStaySuspended'
	| 'failsOrStaysSuspended';

/** Nothing was done, and the same request can succeed later. */
const LATER = ['notSent', 'notNow', 'noPlace'];

const TRANSIENT = [...LATER, 'noAnswer', 'noFile'];

function findEffect(cell: Cell): Effect {
	const { place, means, persistence, mode } = cell;
	const isOnce = persistence === 'once';
	if (means === 'harmless' && place !== 'webhook') return 'passes';
	switch (place) {
		case 'submit':
			return findSubmitEffect(cell);
		case 'upload':
			if (isOnce && TRANSIENT.includes(means)) return 'passes';
			return ['open', 'noAccess', 'notFound', 'doubtfulEnd'].includes(means) ? 'mayFail' : 'fails';
		case 'fetch':
			return findFetchEffect(cell);
		case 'download':
			return isOnce && means === 'passes' ? 'passes' : 'fails';
		case 'webhook':
			// The trigger starts another workflow. A correct call after the faulty one resumes a suspended execution.
			if (mode !== 'suspended' || isOnce || means === 'tellsNothing' || means === 'harmless') return 'passes';
			// The node may wait for the end that the call announced.
			return means === 'early' ? 'mayStaySuspended' : 'staysSuspended';
	}
}

function findSubmitEffect({ means, persistence, mode }: Cell): Effect {
	if (LATER.includes(means)) return persistence === 'once' ? 'passes' : 'fails';
	switch (means) {
		// An accepted job is polled, whatever the answer to the submit says about it.
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

/** Whether Get Result may take an answer as final. Nothing is lost by that. */
const mayBeFinal = (means: Cell['means']) => ['refused', 'noAccess', 'open'].includes(means);

function findFetchEffect({ means, persistence, mode }: Cell): Effect {
	// An answer that says "success" is the job's end, whenever it comes.
	if (means === 'forbiddenFile') return mode === 'none' ? 'passes' : 'failsForGood';
	// Get Result has nothing to submit.
	if (means === 'failed') return mode === 'none' ? 'fails' : 'jobIsOver';
	if (means === 'processing' && mode === 'none') return 'isOpen';
	if (persistence === 'once') return mode === 'none' && mayBeFinal(means) ? 'mayFail' : 'passes';
	if (means === 'open') return mode === 'suspended' ? 'mayStaySuspended' : 'mayFail';
	if (mode !== 'suspended' || means === 'noAccess') return 'fails';
	// A call is answered within a minute.
	return means === 'doubtfulEnd' || means === 'noFile' ? 'failsOrStaysSuspended' : 'staysSuspended';
}

/** Chooses what leaves if nothing fails. */
function chooseUsualFate({ place }: Cell, mode: Mode): Fate {
	// Get Result without waiting returns a job that ended long ago as it is.
	return mode === 'none' && place !== 'fetch' ? 'reference' : 'result';
}

/** Lists what may become of the item after all tries. */
function listFates(cell: Cell, effect: Effect): readonly Fate[] {
	const { place, means, persistence, mode, onError, isRetried } = cell;
	const good: Fate =
		place === 'submit' && findFault(cell)?.isDoneAtOnce ? 'result' : chooseUsualFate(cell, mode);
	switch (effect) {
		case 'passes':
			// A submit whose answer is "success" is a result without a file.
			return means === 'noFile' && place === 'submit' && mode === 'none' ? [good, 'result'] : [good];
		case 'staysSuspended':
		case 'isOpen':
			return ['reference'];
		case 'mayStaySuspended':
			return means === 'open' ? [good, 'reference', 'error'] : [good, 'reference'];
		case 'failsOrStaysSuspended':
			return ['error', 'reference'];
		case 'mayFail':
			return [good, 'error'];
		case 'failsForGood':
			return ['error'];
		case 'fails':
		case 'jobIsOver': {
			if (!isRetried || persistence === 'always') return ['error'];
			// n8n may or may not retry a node that continues, and it does not see what failed before the execution was suspended.
			const isFirst = place === 'submit' || place === 'upload';
			const isBeforeSuspending = mode === 'suspended' && isFirst && onError !== 'stop';
			// No rule decides whether such a submit may be repeated.
			const isOpen = means === 'open' && place === 'submit';
			return isBeforeSuspending || isOpen ? [good, 'error'] : [good];
		}
	}
}

/** Computes how long the fault may delay its item in one try, s. */
function computeDelay(cell: Cell, effect: Effect, { timeout, jobSeconds, hanging }: Pace): number {
	const { place, means, fault, persistence, mode, waitSeconds = 0 } = cell;
	if (['staysSuspended', 'mayStaySuspended', 'failsOrStaysSuspended'].includes(effect)) return timeout;
	if (means === 'harmless' && place !== 'webhook') return findFault(cell)?.lasts ?? 0;
	if (means === 'slow') return timeout;
	const isHanging = fault === 'timeout' || fault === 'slow drip';
	if (place === 'submit' && isHanging) return timeout;
	if (persistence === 'always' && effect !== 'passes') {
		const isAtOnce = place === 'submit' && !LATER.includes(means);
		return isAtOnce || means === 'failed' || effect === 'failsForGood' ? 0 : timeout;
	}
	// The call comes at most a minute late.
	if (place === 'webhook') return mode === 'none' ? 90 : 60;
	return isHanging ? hanging : waitSeconds + jobSeconds;
}

/** How long the service must report the end of a polled job until it counts, s. */
const SAID_FOR = 60;
const REFUSED_FOR = 10;

/** Computes when a fetch that never reports the job's end may fail its item at the earliest, s. */
function computeLeastTime(cell: Cell, { timeout }: Pace): number {
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
			return Math.min(findFault(cell)?.saidFor ?? SAID_FOR, timeout);
		default:
			return timeout;
	}
}

/** Lists the values that `paid` may have in an error. */
function listPaid({ place, means, mode }: Cell, effect: Effect): readonly Paid[] {
	if (place === 'upload') return ['no'];
	// Get Result pays nothing, and its job is paid, or does not exist.
	if (place === 'fetch' && mode === 'none') return ['no', 'yes', 'unknown'];
	if (place !== 'submit') return ['yes'];
	if (means === 'open') return ['no', 'unknown'];
	if (means === 'noAnswer' || means === 'cutOff') return ['unknown'];
	return effect === 'fails' ? ['no'] : ['yes'];
}

/** Derives what must hold in a cell. */
export function deriveExpectation(cell: Cell, pace: Pace): Expectation {
	const { jobSeconds, slack } = pace;
	const { place, means, mode, persistence, isRetried, waitSeconds = 0 } = cell;
	const says = place === 'submit' ? findFault(cell)?.says : undefined;
	const effect = findEffect(cell);
	const isPaidAnew = effect === 'jobIsOver' && isRetried;
	// An outage of the service or of the network affects all items.
	const isCommon = means === 'notSent' && place !== 'download';
	const hit = listFates(cell, effect);
	const failedTries = persistence === 'always' && isRetried ? TRIES : 1;
	// At the end of Timeout, each try sends one more request.
	const hasLastRequest = place === 'submit' || (place === 'fetch' && mode === 'poll');
	const lastRequests = hasLastRequest && persistence === 'always' ? failedTries : 0;
	const isWaitedFor =
		!(place === 'submit' && means === 'noPlace') && !(place === 'fetch' && mode === 'suspended');
	return {
		hit,
		other: isCommon || effect === 'staysSuspended' ? hit : listOtherFates(cell, effect),
		mostJobs: isPaidAnew ? (persistence === 'always' ? TRIES : 2) : 1,
		isPaidAnew,
		least: computeLeastTime(cell, pace),
		paid: listPaid(cell, effect),
		...(says && { says }),
		leastPause: isWaitedFor ? waitSeconds : 0,
		mostEarly: failedTries - 1 + lastRequests,
		longest: slack + 2 * jobSeconds + failedTries * (jobSeconds + computeDelay(cell, effect, pace)),
		...(place === 'webhook' &&
			mode !== 'suspended' && {
				starts: means === 'harmless' || persistence === 'once' ? [1] : listStarts(means),
			}),
	};
}

/** After a call that came too early, the trigger may wait for the end of the job. */
const listStarts = (means: Cell['means']) => (means === 'early' ? [0, 1] : [0]);

function listOtherFates(cell: Cell, effect: Effect): readonly Fate[] {
	const good = chooseUsualFate(cell, cell.mode);
	return effect === 'mayStaySuspended' || effect === 'failsOrStaysSuspended' ? [good, 'reference'] : [good];
}
