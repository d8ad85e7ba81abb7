/** Compares what was seen of a cell with what has to hold. */
import type { INodeExecutionData } from 'n8n-workflow';

import { isObject, type Json } from '../../local-api/json.mts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { listTraces } from '../support/encodings.mts';
import type { Cell } from './cells.mts';
import { expectationOf, JUMPING, type Expectation, type Fate, type Paid, type Pace } from './expect.mts';
import { faultOf } from './faults.mts';
import { itemOf } from './front.mts';
import { HIT, type Seen } from './scene.mts';
import type { Verdict } from './table.mts';

/** Every text in a value, in properties that are hidden too. */
function textsIn(value: unknown): string[] {
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

function keyComplaints({ key, run, items, errors, log, requests, exchanges, kept }: Seen): string[] {
	const traces = listTraces(key);
	const holdsKey = (text: string) => traces.some((trace) => text.includes(trace));
	const places: Record<string, unknown> = { run, items, errors, log, requests, kept };
	for (const { path, headers, body, place } of exchanges) {
		if (holdsKey(path + headers)) return [`the key is in a request's address or headers: ${path}`];
		if (place === 'download' && holdsKey(body)) return ['the key is in the body of a download'];
	}
	return Object.entries(places).flatMap(([name, value]) => {
		const text = textsIn(value).find(holdsKey);
		return text === undefined ? [] : [`the key is in "${name}": ${text.slice(0, 300)}`];
	});
}

const errorText = ({ run }: Seen): string => {
	const { error } = run.data.resultData;
	return error ? `${error.message}\n${(error as { description?: string }).description ?? ''}` : '';
};

/** What the service has answered to submits, where that is a JSON object. */
function submitAnswers({ exchanges }: Seen, item?: number): Array<{ text: string; answer: Json }> {
	return exchanges.flatMap((exchange) => {
		const { place, told } = exchange;
		if (place !== 'submit' || told === undefined || (item ?? exchange.item) !== exchange.item) return [];
		try {
			const answer: unknown = JSON.parse(told.replace(/^\uFEFF/, ''));
			return isObject(answer) ? [{ text: told, answer }] : [];
		} catch {
			return [];
		}
	});
}

/** Every ID that an object tells, nested too, however deeply. */
function idsIn(value: unknown): unknown[] {
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
		idsIn(answer).some((id) => id !== '') ||
		[fetchResult, eta].some((field) => field !== undefined && field !== null) ||
		[output, future, proxy].some(isThere) ||
		['processing', 'queued', 'success'].includes(status as string)
	);
}

/** How the service writes an item's job. */
function nameOfJob(cell: Cell, { id, trackId }: JobRecord): string {
	const { rawId } = faultOf(cell) ?? {};
	return rawId !== undefined && itemOf({ trackId }) === HIT ? rawId.replace(/^"|"$/g, '') : `${id}`;
}

/** The jobs whose ID the service has told in an answer that could be read. */
function knownJobs(cell: Cell, seen: Seen): JobRecord[] {
	const told = submitAnswers(seen);
	return seen.jobs.filter((job) => {
		const name = nameOfJob(cell, job);
		return told.some(
			({ text, answer }) =>
				text.includes(`"id":${name}`) ||
				String(answer.id) === name ||
				String(answer.fetch_result).endsWith(`/fetch/${name}`),
		);
	});
}

function idComplaints(cell: Cell, seen: Seen, { isPaidAnew }: Expectation): string[] {
	const { place, mode } = cell;
	// There the IDs come with the items.
	if (place === 'fetch' && mode === 'none') return [];
	const texts = [...seen.items, ...seen.errors].map(({ json }) => JSON.stringify(json)).join('\n');
	const reported = `${texts}\n${errorText(seen)}`;
	const latest = seen.jobs.findLast((job) => itemOf(job) === HIT);
	return knownJobs(cell, seen).flatMap((job) => {
		const complaints: string[] = [];
		const isHit = itemOf(job) === HIT;
		const isOver = isPaidAnew && isHit && job !== latest;
		const name = nameOfJob(cell, job);
		if (!isOver && !hasName(reported, name)) {
			complaints.push(`job ${name} of item ${itemOf(job)} stands in no item and no error`);
		}
		const isLogged = seen.log.some((line) => hasName(line, name));
		if (!isLogged) complaints.push(`job ${name} is not in the log`);
		return complaints;
	});
}

/** Whether an ID stands in a text, and not as a part of a longer one. */
function hasName(text: string, name: string): boolean {
	return text.split(name).some((before, n, parts) => {
		const after = parts[n + 1];
		return after !== undefined && !/\d$/.test(before) && !/^\d/.test(after);
	});
}

function fateOf({ json }: INodeExecutionData): Fate {
	if (json.error !== undefined) return 'error';
	return json.status === 'success' ? 'result' : 'reference';
}

/** What is wrong with an item that is what it should be. */
function itemComplaints(cell: Cell, seen: Seen, item: INodeExecutionData, index: number): string[] {
	const complaints: string[] = [];
	const complain = (what: string) => complaints.push(`item ${index}: ${what}`);
	const job = seen.jobs.findLast((candidate) => itemOf(candidate) === index);
	const fate = fateOf(item);
	const { json } = item;
	if (fate === 'error') {
		const isKnown = job !== undefined && knownJobs(cell, seen).includes(job);
		const name = isKnown ? nameOfJob(cell, job) : undefined;
		return errorComplaints(cell, item, index, name, seen).map((what) => `item ${index}: ${what}`);
	}
	const name = job && nameOfJob(cell, job);
	// A number of more digits than a number can have is a text.
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
	const file = seen.files[seen.items.indexOf(item)];
	if (
		cell.mode !== 'none' &&
		cell.place !== 'upload' &&
		!file?.equals(seen.made.get(job?.id ?? 0) ?? Buffer.of())
	) {
		complain(file ? 'has another file than the service made' : 'has no file');
	}
	return complaints;
}

/** What an item's error has to tell. */
function errorComplaints(
	cell: Cell,
	item: INodeExecutionData,
	index: number,
	name: string | undefined,
	seen: Seen,
): string[] {
	const { json } = item;
	const isNested = cell.onError === 'errorOutput';
	const error = (isNested ? json.error : { ...json, message: json.error }) as Json;
	const complaints: string[] = [];
	// Beside it n8n puts the fields of the input item.
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
	return [...complaints, ...paidComplaints(cell, error, index, seen)];
}

/** Whether what an error says of what was paid is true. */
function paidComplaints(
	cell: Cell,
	{ paid, message, description }: Json,
	index: number,
	seen: Seen,
): string[] {
	const expected = expectationOf(cell, JUMPING);
	const count = seen.jobs.filter((job) => itemOf(job) === index).length;
	const isTold = submitAnswers(seen, index).some(({ answer }) => isEvidence(answer));
	const complaints: string[] = [];
	if (index === HIT && !expected.paid.includes(paid as Paid))
		complaints.push(`says of what is paid: ${String(paid)}`);
	const isFetched = cell.place === 'fetch' && cell.mode === 'none';
	if (paid === 'no' && count > 0 && !isFetched)
		complaints.push(`says that nothing is paid, and ${count} jobs are`);
	if (paid === 'yes' && count === 0) complaints.push('says that a job is paid, and none is');
	if (paid === 'unknown' && isTold && !isFetched)
		complaints.push('says that nobody knows what is paid, and the service has told it');
	if ((paid === 'unknown') !== MAYBE_PAID.test(String(message))) {
		complaints.push(`its message says the wrong thing of what is paid (${String(paid)}): ${String(message)}`);
	}
	if (index === HIT && expected.says && !expected.says.test(`${String(message)} ${String(description)}`)) {
		complaints.push(`does not say ${String(expected.says)}: ${String(message)}`);
	}
	return complaints;
}

const MAYBE_PAID = /may have been accepted and paid/;

const pairOf = ({ pairedItem }: INodeExecutionData) =>
	typeof pairedItem === 'object' && !Array.isArray(pairedItem) ? pairedItem.item : undefined;

function outputComplaints(cell: Cell, seen: Seen, expected: Expectation): string[] {
	const { items, errors, run } = seen;
	const complaints: string[] = [];
	const wanted = [expected.hit, expected.other] as const;
	const canStop = cell.onError === 'stop' && wanted.some((fates) => fates.includes('error'));
	if (cell.onError === 'stop' && run.status === 'error') {
		const { message } = run.data.resultData.error ?? { message: '' };
		if (!canStop) complaints.push(`the execution has failed: ${errorText(seen)}`);
		if (items.length > 0) complaints.push('items have left although the node stopped');
		if (!/^(Job [\w-]+|The job|The upload of the image)\b/.test(message)) {
			complaints.push(`the error does not say whom it is about: ${message}`);
		}
		const mayBePaid = MAYBE_PAID.test(message);
		if (!expected.paid.some((paid) => (paid === 'unknown') === mayBePaid)) {
			complaints.push(`the error says the wrong thing of what is paid: ${errorText(seen)}`);
		}
		if (expected.says && !expected.says.test(errorText(seen))) {
			complaints.push(`the error does not say ${String(expected.says)}: ${errorText(seen)}`);
		}
		return complaints;
	}
	if (run.status !== 'success') return [`the execution has ended as "${run.status}": ${errorText(seen)}`];
	const all = [...items, ...errors];
	for (const [index, fates] of wanted.entries()) {
		const own = all.filter((item) => pairOf(item) === index);
		const [item] = own;
		if (!item || own.length > 1) {
			complaints.push(`${own.length} items are paired with item ${index}`);
			continue;
		}
		const fate = fateOf(item);
		if (!fates.includes(fate) || (cell.onError === 'stop' && fate === 'error')) {
			complaints.push(
				`item ${index} is of the kind "${fate}" instead of "${fates.join('" or "')}": ${JSON.stringify(item.json).slice(0, 400)}`,
			);
			continue;
		}
		const isThere = cell.onError === 'errorOutput' && fate === 'error' ? errors : items;
		if (!isThere.includes(item)) complaints.push(`item ${index} has left by the wrong output`);
		complaints.push(...itemComplaints(cell, seen, item, index));
	}
	if (all.length !== wanted.length) complaints.push(`${all.length} items have left`);
	const order = items.map(pairOf);
	if (order.some((pair, n) => n > 0 && Number(pair) < Number(order[n - 1])))
		complaints.push('the order is wrong');
	return complaints;
}

function paymentComplaints(
	{ jobs }: Seen,
	{ mostJobs, other, hit }: Expectation,
	hasStopped: boolean,
): string[] {
	return [mostJobs, 1].flatMap((most, item) => {
		const paid = jobs.filter((job) => itemOf(job) === item).length;
		if (paid > most) return [`${paid} jobs are paid for item ${item}`];
		const fates = item === HIT ? hit : other;
		const isNeeded = !hasStopped && !fates.includes('error');
		return paid === 0 && isNeeded ? [`no job was made for item ${item}`] : [];
	});
}

function timeComplaints({ seconds, exchanges }: Seen, expected: Expectation): string[] {
	const { longest, least, leastPause, mostEarly } = expected;
	const pauses = exchanges.flatMap(({ isHit, place, at }, n) => {
		const next = exchanges.slice(n + 1).find((later) => later.item === HIT && later.place === place);
		return isHit && next ? [(next.at - at) / 1000] : [];
	});
	const early = pauses.filter((pause) => pause < leastPause);
	return [
		...(seconds < least ? [`it was given up after ${seconds} s instead of ${least} s`] : []),
		...(seconds > longest ? [`it took ${seconds} s instead of ${longest} s at most`] : []),
		...(early.length > mostEarly
			? [`it asked again after ${early.join(' s, ')} s instead of ${leastPause} s`]
			: []),
	];
}

/** @returns what does not hold in a cell, in words; nothing when all does */
function complaintsOf(cell: Cell, seen: Seen, pace: Pace): string[] {
	const expected = expectationOf(cell, pace);
	const strangers = seen.requests.filter(({ host }) => !seen.hosts.includes(host)).map(({ host }) => host);
	const { starts } = expected;
	const startsOf = (item: number) => seen.started.filter((started) => started === item).length;
	return [
		...outputComplaints(cell, seen, expected),
		...paymentComplaints(seen, expected, seen.run.status === 'error'),
		...idComplaints(cell, seen, expected),
		...keyComplaints(seen),
		...timeComplaints(seen, expected),
		...(strangers.length > 0 ? [`${strangers.join(', ')} was asked`] : []),
		...(starts !== undefined && !starts.includes(startsOf(HIT))
			? [`the trigger's workflow has started ${startsOf(HIT)} times instead of ${starts.join(' or ')}`]
			: []),
		...(starts !== undefined && startsOf(1) !== 1
			? [`the other job has started the trigger's workflow ${startsOf(1)} times`]
			: []),
		...(cell.place !== 'webhook' && cell.means !== 'notSent' && !wasHit(cell, seen)
			? ['the fault has hit no request']
			: []),
	];
}

/** What came of a cell. */
export function verdictOf(cell: Cell, seen: Seen, pace = JUMPING): Verdict {
	const ofHit = seen.jobs.filter((job) => itemOf(job) === HIT).length;
	return {
		cell,
		complaints: complaintsOf(cell, seen, pace),
		paid: seen.jobs.length,
		paidAnew: Math.max(0, ofHit - 1),
		seconds: seen.seconds,
	};
}

/** A connection that is not made leaves nothing to see at the service. */
function wasHit({ fault }: Cell, { exchanges }: Seen): boolean {
	return ['connection refused', 'unresolved host'].includes(fault) || exchanges.some(({ isHit }) => isHit);
}
