/** Finding the version of the API that knows a job, where a person has entered its ID alone. Polls are free. */
import type { Answer } from '../api/answer';
import { joinSentences } from '../api/error-texts';
import type { JobId } from '../api/job-id';
import { isLimit, isUnknownJob, mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { describeOverdue, ProblemError, type Problem } from '../api/problems';
import { CALL_LIMIT_MS } from '../api/service';
import { nameVersions, VERSIONS, type ApiVersion } from '../api/versions';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoff, MAX_TRIES } from '../async/retry';
import type { JobItem } from '../request';
import { EndTracker } from './end-tracker';
import { isAboutJob, MIN_POLL_MS, toBad } from './poll';
import type { Run } from './run';

/** The version that knows a job, and what it says about the job. */
export interface FoundVersion {
	apiVersion: ApiVersion;
	answer: Answer;
}

/** A version that does not know the job yet, or does not answer. */
interface Candidate {
	apiVersion: ApiVersion;
	endTracker: EndTracker;
	/** How many of its polls have brought nothing about the job. */
	failures: number;
	/** The latest answer, and what is wrong with it. */
	latest?: { answer: BadAnswer; problem: Problem };
	/** When its latest answer is believed, ms of the clock, if it is said until then. */
	believedAt?: number;
	isOut: boolean;
}

/**
 * Polls a job with each version in turn, until one of them knows it. If several do, the first one counts.
 *
 * "Not found" is also the answer about a live job in its first seconds. So a version is asked again until it has said so
 * for 30 s, also if the item does not wait. Other answers count as they do when a job is polled.
 *
 * @param versions in the order in which they are asked
 * @throws ProblemError if no version knows the job, or when the item's time is up
 * @throws StoppedError if the run was stopped
 */
export async function findVersion(
	run: Run,
	item: JobItem,
	id: JobId,
	versions: readonly ApiVersion[],
): Promise<FoundVersion> {
	const deadline = run.clock.now() + item.timeoutMs;
	const candidates = versions.map(
		(apiVersion): Candidate => ({
			apiVersion,
			endTracker: new EndTracker(id, false),
			failures: 0,
			isOut: false,
		}),
	);
	for (let round = 1; ; round++) {
		for (const candidate of candidates.filter(({ isOut }) => !isOut)) {
			const answer = await ask(run, candidate.apiVersion, id, deadline);
			if (takeAnswer(run, id, candidate, answer)) {
				// A job of an earlier version with the same ID comes first. It may exist as long as that version has not said otherwise.
				const earlier = candidates.slice(0, candidates.indexOf(candidate));
				if (earlier.every(isRuledOut)) return { apiVersion: candidate.apiVersion, answer };
				candidate.latest = undefined;
			}
			// A limit is the account's, so the next version must not be asked sooner either.
			const pauseMs = 1000 * ((candidate.latest && readRequestedPause(candidate.latest.answer)) ?? 0);
			if (isLimit(answer)) run.account.pace.pauseUntil(run.clock.now() + pauseMs);
			await run.clock.sleep(Math.min(pauseMs, Math.max(0, deadline - run.clock.now())), run.signal);
			if (run.clock.now() >= deadline) break;
		}
		const open = candidates.filter(({ isOut }) => !isOut);
		if (open.length === 0) throw new ProblemError(describeEnd(run, id, candidates));
		const now = run.clock.now();
		if (now >= deadline) {
			throw new ProblemError(describeOverdue(id, item.timeoutMs, open[0]?.latest?.problem));
		}
		await run.clock.sleep(Math.min(computePause(open, round, now), deadline - now), run.signal);
	}
}

/** Whether a version has said that it does not know the job, or is not asked again. */
const isRuledOut = ({ isOut, latest }: Candidate): boolean =>
	isOut || (latest !== undefined && isUnknownJob(latest.answer));

async function ask(run: Run, apiVersion: ApiVersion, id: JobId, deadline: number): Promise<Answer> {
	const { clock, service, signal, account } = run;
	await account.pace.wait(clock, signal, deadline);
	throwIfStopped(signal);
	const callMs = Math.min(CALL_LIMIT_MS, Math.max(MIN_POLL_MS, deadline - clock.now()));
	const answer = await service.fetch(apiVersion, id, undefined, callMs, signal);
	throwIfStopped(signal);
	return answer;
}

/** @returns whether the version knows the job */
function takeAnswer({ clock, service }: Run, jobId: JobId, candidate: Candidate, answer: Answer): boolean {
	if (isAboutJob(answer, jobId)) return true;
	const finding = candidate.endTracker.note(answer, clock.now());
	if (finding.state === 'over' && finding.isFailed) return true;
	const bad = toBad(answer);
	const problem = service.describeProblem(candidate.apiVersion, bad, 'fetch', { jobId, isOwn: false });
	candidate.latest = { answer: bad, problem };
	candidate.believedAt = finding.state === 'open' ? finding.believedAt : undefined;
	// An answer that is believed later is no failure: a live job is often unknown at first.
	candidate.failures = candidate.believedAt === undefined ? candidate.failures + 1 : 0;
	const isHopeless = !mayPass(bad) || candidate.failures >= MAX_TRIES;
	candidate.isOut = finding.state === 'over' || (candidate.believedAt === undefined && isHopeless);
	return false;
}

/** @returns how long to wait before the versions are asked again, ms */
function computePause(open: readonly Candidate[], round: number, now: number): number {
	const believedAt = Math.min(...open.map((candidate) => candidate.believedAt ?? Infinity));
	return Math.min(computeBackoff(round), Math.max(believedAt - now, MIN_POLL_MS));
}

/** Why no version has brought the job. Another answer than "not found" says more. */
function describeEnd({ service }: Run, jobId: JobId, candidates: readonly Candidate[]): Problem {
	const ends = candidates.flatMap(({ apiVersion, latest }) => (latest ? { apiVersion, ...latest } : []));
	const unknown = ends.filter(({ answer }) => isUnknownJob(answer));
	const asked = nameVersions((version) => unknown.some(({ apiVersion }) => VERSIONS[apiVersion] === version));
	const telling = ends.find((end) => !unknown.includes(end));
	if (telling) {
		const { problem } = telling;
		const more = asked && `The job is not known to ${asked}.`;
		return { ...problem, description: joinSentences(problem.description, more) };
	}
	const [{ apiVersion, answer }] = unknown.slice(-1) as [(typeof unknown)[number]];
	return service.describeProblem(apiVersion, answer, 'fetch', { jobId, isOwn: false, asked });
}
