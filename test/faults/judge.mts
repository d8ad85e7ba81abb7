/** Compares the observation of a cell with what must hold. */
import type { INodeExecutionData } from 'n8n-workflow';

import { isObject, type Json } from '../../local-api/json.mts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { listTraces } from '../support/encodings.mts';
import type { Cell } from './cells.mts';
import { deriveExpectation, type Expectation, type Fate, JUMPING, type Pace, type Paid } from './expect.mts';
import { findFault } from './faults.mts';
import { findItem } from './fault-proxy.mts';
import { HIT, type Observation } from './scene.mts';
import type { Verdict } from './table.mts';

/** Lists every text in a value, also in properties that are not enumerable. */
function listTexts(value: unknown): string[] {
	const texts: string[] = [];
	const seen = new Set<object>();
	const open: unknown[] = [value];
	while (open.length > 0) {
		const part = open.pop();
		if (typeof part === 'string') texts.push(part);
		if (typeof part !== 'object' || part === null || Buffer.isBuffer(part) || seen.has(part)) continue;
		seen.add(part);
		if (part instanceof Map || part instanceof Set) open.push(...part);
		for (const name of Object.getOwnPropertyNames(part)) {
			texts.push(name);
			open.push(Object.getOwnPropertyDescriptor(part, name)?.value);
		}
	}
	return texts;
}

/** Checks that the key is only in the bodies of API calls. */
function checkKey({ key, run, items, errors, log, requests, exchanges, kept }: Observation): string[] {
	const traces = listTraces(key);
	const holdsKey = (text: string) => traces.some((trace) => text.includes(trace));
	const places: Record<string, unknown> = { run, items, errors, log, requests, kept };
	for (const { path, headers, body, place } of exchanges) {
		if (holdsKey(path + headers)) return [`the key is in the URL or the headers of a request: ${path}`];
		if (place === 'download' && holdsKey(body)) return ['the key is in the body of a download'];
	}
	return Object.entries(places).flatMap(([name, value]) => {
		const text = listTexts(value).find(holdsKey);
		return text === undefined ? [] : [`the key is in "${name}": ${text.slice(0, 300)}`];
	});
}

const readError = ({ run }: Observation): string => {
	const { error } = run.data.resultData;
	return error ? `${error.message}\n${(error as { description?: string }).description ?? ''}` : '';
};

/** Lists the answers to submits that are JSON objects. @param item default: of all items */
function listSubmitAnswers({ exchanges }: Observation, item?: number): Array<{ text: string; json: Json }> {
	return exchanges.flatMap((exchange) => {
		const { place, answer } = exchange;
		if (place !== 'submit' || answer === undefined || (item ?? exchange.item) !== exchange.item) return [];
		try {
			const json: unknown = JSON.parse(answer.replace(/^\uFEFF/, ''));
			return isObject(json) ? [{ text: answer, json }] : [];
		} catch {
			return [];
		}
	});
}

/** Lists the job IDs in a value, at any depth. */
function listIds(value: unknown): unknown[] {
	const ids: unknown[] = [];
	const open: unknown[] = [value];
	while (open.length > 0) {
		const part = open.pop();
		if (typeof part !== 'object' || part === null) continue;
		for (const [name, inner] of Object.entries(part) as Array<[string, unknown]>) {
			const isId = /^(id|request_id)$/.test(name) && ['string', 'number'].includes(typeof inner);
			(isId ? ids : open).push(inner);
		}
	}
	return ids;
}

/** Whether an answer to a submit shows that a job was accepted. */
function isEvidence(answer: Json): boolean {
	const { status, fetch_result: fetchResult, eta, output, future_links: future, proxy_links: proxy } = answer;
	const isThere = (links: unknown) => (Array.isArray(links) ? links.length > 0 : Boolean(links));
	return (
		listIds(answer).some((id) => id !== '') ||
		[fetchResult, eta].some((field) => field !== undefined && field !== null) ||
		[output, future, proxy].some(isThere) ||
		['processing', 'queued', 'success'].includes(status as string)
	);
}

/** Names a job as the service writes its ID. */
function nameJob(cell: Cell, { id, trackId }: JobRecord): string {
	const { rawId } = findFault(cell) ?? {};
	return rawId !== undefined && findItem({ trackId }) === HIT ? rawId.replace(/^"|"$/g, '') : `${id}`;
}

/** Lists the jobs whose ID was in an answer that could be read. */
function listKnownJobs(cell: Cell, observed: Observation): JobRecord[] {
	const answers = listSubmitAnswers(observed);
	return observed.jobs.filter((job) => {
		const name = nameJob(cell, job);
		return answers.some(
			({ text, json }) =>
				text.includes(`"id":${name}`) ||
				String(json.id) === name ||
				String(json.fetch_result).endsWith(`/fetch/${name}`),
		);
	});
}

/** Checks that an item or an error names each job whose ID the service has sent, and that the log does so, too. */
function checkIds(cell: Cell, observed: Observation, { isPaidAnew }: Expectation): string[] {
	const { place, mode } = cell;
	// The IDs are already in the input items.
	if (place === 'fetch' && mode === 'none') return [];
	const texts = [...observed.items, ...observed.errors].map(({ json }) => JSON.stringify(json)).join('\n');
	const reported = `${texts}\n${readError(observed)}`;
	const latest = observed.jobs.findLast((job) => findItem(job) === HIT);
	return listKnownJobs(cell, observed).flatMap((job) => {
		const complaints: string[] = [];
		const isHit = findItem(job) === HIT;
		const isOver = isPaidAnew && isHit && job !== latest;
		const name = nameJob(cell, job);
		if (!isOver && !hasName(reported, name)) {
			complaints.push(`job ${name} of item ${findItem(job)} is in no item and no error`);
		}
		const isLogged = observed.log.some((line) => hasName(line, name));
		if (!isLogged) complaints.push(`job ${name} is not in the log`);
		return complaints;
	});
}

/** Whether a text contains an ID that is not a part of a longer number. */
function hasName(text: string, name: string): boolean {
	return text.split(name).some((before, n, parts) => {
		const after = parts[n + 1];
		return after !== undefined && !/\d$/.test(before) && !/^\d/.test(after);
	});
}

function findFate({ json }: INodeExecutionData): Fate {
	if (json.error !== undefined) return 'error';
	return json.status === 'success' ? 'result' : 'reference';
}

/** Checks the fields and the file of an item. */
function checkItem(cell: Cell, observed: Observation, item: INodeExecutionData, index: number): string[] {
	const complaints: string[] = [];
	const complain = (what: string) => complaints.push(`item ${index}: ${what}`);
	const job = observed.jobs.findLast((candidate) => findItem(candidate) === index);
	const fate = findFate(item);
	const { json } = item;
	if (fate === 'error') {
		const isKnown = job !== undefined && listKnownJobs(cell, observed).includes(job);
		const name = isKnown ? nameJob(cell, job) : undefined;
		return checkError(cell, item, index, name, observed).map((what) => `item ${index}: ${what}`);
	}
	const name = job && nameJob(cell, job);
	// An ID with more digits than a number can hold is a text.
	if (String(json.id) !== name) complain(`has the id ${String(json.id)} instead of ${name}`);
	if (json.track_id !== `item-${index}`) complain(`has the track ID ${String(json.track_id)}`);
	if (fate === 'reference' && json.fetch_result === undefined) complain('has no fetch_result');
	if (fate !== 'result') return complaints;
	const outputs = Array.isArray(json.output) ? json.output : [];
	const isRight =
		outputs.length === job?.outputs.length &&
		job.outputs.every((url, n) => new URL(url).pathname === new URL(String(outputs[n])).pathname);
	const isOther = cell.means === 'forbiddenFile' || (cell.means === 'noFile' && cell.place === 'submit');
	if (!isRight && !isOther) complain(`has the output ${JSON.stringify(json.output)}`);
	const file = observed.files[observed.items.indexOf(item)];
	if (
		cell.mode !== 'none' &&
		cell.place !== 'upload' &&
		!file?.equals(observed.made.get(job?.id ?? 0) ?? Buffer.of())
	) {
		complain(file ? 'has a file that differs from the output' : 'has no file');
	}
	return complaints;
}

/** Checks the error of an item. @param name the job's ID, if the service has sent it */
function checkError(
	cell: Cell,
	item: INodeExecutionData,
	index: number,
	name: string | undefined,
	observed: Observation,
): string[] {
	const { json } = item;
	const isNested = cell.onError === 'errorOutput';
	const error = (isNested ? json.error : { ...json, message: json.error }) as Json;
	const complaints: string[] = [];
	// n8n adds the fields of the input item.
	const isFlat = isNested && ['message', 'description', 'paid'].some((name) => name in json);
	if (isFlat || item.error !== undefined) complaints.push('has the error in another form');
	if (typeof error !== 'object' || typeof error.message !== 'string') {
		return [...complaints, `has no message: ${JSON.stringify(json).slice(0, 300)}`];
	}
	const { message, description, id, track_id: trackId } = error;
	if (typeof description !== 'string' || description === '') complaints.push('has no description');
	if (name !== undefined && !hasName(message as string, name))
		complaints.push(`its error does not name job ${name}`);
	if (name !== undefined && String(id) !== name) complaints.push(`has the id ${String(id)}`);
	if (trackId !== `item-${index}`) complaints.push(`has the track ID ${String(trackId)}`);
	return [...complaints, ...checkPaid(cell, error, index, observed)];
}

/** Checks whether an error says correctly if the job is paid. */
function checkPaid(
	cell: Cell,
	{ paid, message, description }: Json,
	index: number,
	observed: Observation,
): string[] {
	const expected = deriveExpectation(cell, JUMPING);
	const count = observed.jobs.filter((job) => findItem(job) === index).length;
	const isAccepted = listSubmitAnswers(observed, index).some(({ json }) => isEvidence(json));
	const complaints: string[] = [];
	if (index === HIT && !expected.paid.includes(paid as Paid))
		complaints.push(`has the wrong value in paid: ${String(paid)}`);
	const isFetched = cell.place === 'fetch' && cell.mode === 'none';
	if (paid === 'no' && count > 0 && !isFetched)
		complaints.push(`says that nothing was paid, but ${count} jobs were`);
	if (paid === 'yes' && count === 0) complaints.push('says that a job was paid, but none was');
	if (paid === 'unknown' && isAccepted && !isFetched)
		complaints.push('says that it is unknown what was paid, although the service has accepted the job');
	if ((paid === 'unknown') !== MAYBE_PAID.test(String(message))) {
		complaints.push(`has a message that contradicts paid (${String(paid)}): ${String(message)}`);
	}
	if (index === HIT && expected.says && !expected.says.test(`${String(message)} ${String(description)}`)) {
		complaints.push(`does not say ${String(expected.says)}: ${String(message)}`);
	}
	return complaints;
}

const MAYBE_PAID = /may have been accepted and paid/;

const findPair = ({ pairedItem }: INodeExecutionData) =>
	typeof pairedItem === 'object' && !Array.isArray(pairedItem) ? pairedItem.item : undefined;

/** Checks the error of an execution that has failed because the node stopped. */
function checkStop(observed: Observation, { hit, other, paid, says }: Expectation): string[] {
	const complaints: string[] = [];
	const { message } = observed.run.data.resultData.error ?? { message: '' };
	const error = readError(observed);
	if (![hit, other].some((fates) => fates.includes('error')))
		complaints.push(`the execution failed: ${error}`);
	if (observed.items.length > 0) complaints.push('items have left although the node stopped');
	if (!/^("|[A-Z]|[\w-]+\.\w+: [A-Z"])/.test(message)) {
		complaints.push(`the error is not a sentence: ${message}`);
	}
	if (!paid.some((value) => (value === 'unknown') === MAYBE_PAID.test(message))) {
		complaints.push(`the error says the wrong thing about payment: ${error}`);
	}
	if (says && !says.test(error)) complaints.push(`the error does not say ${String(says)}: ${error}`);
	return complaints;
}

/** Checks the one item that is paired with an input item. @param fates what may become of it */
function checkPairedItem(cell: Cell, observed: Observation, index: number, fates: readonly Fate[]): string[] {
	const { items, errors } = observed;
	const own = [...items, ...errors].filter((item) => findPair(item) === index);
	const [item] = own;
	if (!item || own.length > 1) return [`${own.length} items are paired with item ${index}`];
	const fate = findFate(item);
	if (!fates.includes(fate) || (cell.onError === 'stop' && fate === 'error')) {
		return [
			`item ${index} is of the kind "${fate}" instead of "${fates.join('" or "')}": ${JSON.stringify(item.json).slice(0, 400)}`,
		];
	}
	const output = cell.onError === 'errorOutput' && fate === 'error' ? errors : items;
	return [
		...(output.includes(item) ? [] : [`item ${index} has left by the wrong output`]),
		...checkItem(cell, observed, item, index),
	];
}

function checkOutput(cell: Cell, observed: Observation, expected: Expectation): string[] {
	const { items, errors, run } = observed;
	if (cell.onError === 'stop' && run.status === 'error') return checkStop(observed, expected);
	if (run.status !== 'success') return [`the execution ended as "${run.status}": ${readError(observed)}`];
	const wanted = [expected.hit, expected.other];
	const complaints = wanted.flatMap((fates, index) => checkPairedItem(cell, observed, index, fates));
	const count = items.length + errors.length;
	if (count !== wanted.length) complaints.push(`${count} items have left`);
	const order = items.map(findPair);
	if (order.some((pair, n) => n > 0 && Number(pair) < Number(order[n - 1])))
		complaints.push('the order is wrong');
	return complaints;
}

function checkPayments(
	{ jobs }: Observation,
	{ mostJobs, other, hit }: Expectation,
	hasStopped: boolean,
): string[] {
	return [mostJobs, 1].flatMap((most, item) => {
		const paid = jobs.filter((job) => findItem(job) === item).length;
		if (paid > most) return [`${paid} jobs were paid for item ${item}`];
		const fates = item === HIT ? hit : other;
		const isNeeded = !hasStopped && !fates.includes('error');
		return paid === 0 && isNeeded ? [`no job was submitted for item ${item}`] : [];
	});
}

function checkTimes({ seconds, exchanges }: Observation, expected: Expectation): string[] {
	const { longest, least, leastPause, mostEarly } = expected;
	const pauses = exchanges.flatMap(({ isHit, place, at }, n) => {
		const next = exchanges.slice(n + 1).find((later) => later.item === HIT && later.place === place);
		return isHit && next ? [(next.at - at) / 1000] : [];
	});
	const early = pauses.filter((pause) => pause < leastPause);
	return [
		...(seconds < least ? [`it failed after ${seconds} s, before ${least} s`] : []),
		...(seconds > longest ? [`it took ${seconds} s, more than ${longest} s`] : []),
		...(early.length > mostEarly
			? [`it sent the next request after ${early.join(' s, ')} s instead of ${leastPause} s`]
			: []),
	];
}

/** Lists what does not hold in a cell, in words. */
function listComplaints(cell: Cell, observed: Observation, pace: Pace): string[] {
	const expected = deriveExpectation(cell, pace);
	const strangers = observed.requests
		.filter(({ host }) => !observed.hosts.includes(host))
		.map(({ host }) => host);
	const { starts } = expected;
	const countStarts = (item: number) => observed.started.filter((started) => started === item).length;
	return [
		...checkOutput(cell, observed, expected),
		...checkPayments(observed, expected, observed.run.status === 'error'),
		...checkIds(cell, observed, expected),
		...checkKey(observed),
		...checkTimes(observed, expected),
		...(strangers.length > 0 ? [`requests went to ${strangers.join(', ')}`] : []),
		...(starts !== undefined && !starts.includes(countStarts(HIT))
			? [`the trigger has started its workflow ${countStarts(HIT)} times instead of ${starts.join(' or ')}`]
			: []),
		...(starts !== undefined && countStarts(1) !== 1
			? [`the trigger has started its workflow ${countStarts(1)} times for the other job`]
			: []),
		...(cell.place !== 'webhook' && cell.means !== 'notSent' && !wasHit(cell, observed)
			? ['the fault hit no request']
			: []),
	];
}

/** Judges a cell. */
export function judgeCell(cell: Cell, observed: Observation, pace = JUMPING): Verdict {
	const jobsOfHit = observed.jobs.filter((job) => findItem(job) === HIT).length;
	return {
		cell,
		complaints: listComplaints(cell, observed, pace),
		paid: observed.jobs.length,
		paidAnew: Math.max(0, jobsOfHit - 1),
		seconds: observed.seconds,
	};
}

/** Whether the fault hit a request. If no connection is possible, no request is recorded, and the answer is always yes. */
function wasHit({ fault }: Cell, { exchanges }: Observation): boolean {
	return ['connection refused', 'unresolved host'].includes(fault) || exchanges.some(({ isHit }) => isHit);
}
