/** Compares what was seen of a cell with what has to hold. */
import type { INodeExecutionData } from 'n8n-workflow';

import type { JobRecord } from '../../local-api/jobs.mts';
import { tracesOf } from '../writings.mts';
import type { Cell } from './cells.mts';
import { expectationOf, JUMPING, type Expectation, type Fate, type Pace } from './expect.mts';
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
	const traces = tracesOf(key);
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

/** The jobs whose ID the service has told in an answer that could be read. */
function knownJobs({ jobs, exchanges }: Seen): JobRecord[] {
	const told = exchanges.flatMap(({ place, told: text }) => (place === 'submit' && text ? [text] : []));
	return jobs.filter(({ id }) =>
		told.some((text) => {
			try {
				const answer = JSON.parse(text) as { id?: unknown; fetch_result?: unknown };
				return String(answer.id) === `${id}` || String(answer.fetch_result).endsWith(`/fetch/${id}`);
			} catch {
				return false;
			}
		}),
	);
}

function idComplaints({ place, mode }: Cell, seen: Seen, { isPaidAnew }: Expectation): string[] {
	// There the IDs come with the items.
	if (place === 'fetch' && mode === 'none') return [];
	const texts = [...seen.items, ...seen.errors].map(({ json }) => JSON.stringify(json)).join('\n');
	const reported = `${texts}\n${errorText(seen)}`;
	const latest = seen.jobs.findLast((job) => itemOf(job) === HIT);
	return knownJobs(seen).flatMap((job) => {
		const complaints: string[] = [];
		const isHit = itemOf(job) === HIT;
		const isOver = isPaidAnew && isHit && job !== latest;
		if (!isOver && !hasNumber(reported, job.id)) {
			complaints.push(`job ${job.id} of item ${itemOf(job)} stands in no item and no error`);
		}
		// Of a submit whose answer cannot be understood the error tells.
		const isLogged = (place === 'submit' && isHit) || seen.log.some((line) => hasNumber(line, job.id));
		if (!isLogged) complaints.push(`job ${job.id} is not in the log`);
		return complaints;
	});
}

const hasNumber = (text: string, id: number) => new RegExp(`(?<!\\d)${id}(?!\\d)`).test(text);

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
		const isKnown = job && knownJobs(seen).includes(job);
		if (isKnown && !hasNumber(String(json.error), job.id)) complain(`its error does not name job ${job.id}`);
		// On the error output n8n keeps the message only.
		if (cell.onError !== 'continue') return complaints;
		if (isKnown && String(json.id) !== `${job.id}`) complain(`has the id ${String(json.id)}`);
		if (json.track_id !== `item-${index}`) complain(`has the track ID ${String(json.track_id)}`);
		return complaints;
	}
	if (String(json.id) !== String(job?.id)) complain(`has the id ${String(json.id)} instead of ${job?.id}`);
	if (json.track_id !== `item-${index}`) complain(`has the track ID ${String(json.track_id)}`);
	if (fate === 'reference' && json.fetch_result === undefined) complain('has no fetch_result');
	if (fate !== 'result') return complaints;
	const outputs = Array.isArray(json.output) ? json.output : [];
	const isRight =
		outputs.length === job?.outputs.length &&
		job.outputs.every((url, n) => new URL(url).pathname === new URL(String(outputs[n])).pathname);
	if (!isRight && cell.means !== 'forbiddenFile') complain(`has the output ${JSON.stringify(json.output)}`);
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

const MAYBE_PAID = /may have (been )?accepted/;

const pairOf = ({ pairedItem }: INodeExecutionData) =>
	typeof pairedItem === 'object' && !Array.isArray(pairedItem) ? pairedItem.item : undefined;

function outputComplaints(cell: Cell, seen: Seen, expected: Expectation): string[] {
	const { items, errors, run } = seen;
	const complaints: string[] = [];
	const wanted = [expected.hit, [expected.other]] as const;
	const canStop = cell.onError === 'stop' && wanted.some((fates) => fates.includes('error'));
	if (cell.onError === 'stop' && run.status === 'error') {
		const { message } = run.data.resultData.error ?? { message: '' };
		if (!canStop) complaints.push(`the execution has failed: ${errorText(seen)}`);
		if (items.length > 0) complaints.push('items have left although the node stopped');
		if (!/^(Job [\w-]+|The job|The upload of the image)\b/.test(message)) {
			complaints.push(`the error does not say whom it is about: ${message}`);
		}
		if (expected.mayBePaid !== undefined && expected.mayBePaid !== MAYBE_PAID.test(errorText(seen))) {
			complaints.push(`the error says the wrong thing of what is paid: ${errorText(seen)}`);
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
		const fates = item === HIT ? hit : [other];
		const isNeeded = !hasStopped && !fates.includes('error');
		return paid === 0 && isNeeded ? [`no job was made for item ${item}`] : [];
	});
}

function timeComplaints({ seconds, exchanges }: Seen, expected: Expectation): string[] {
	const { longest, leastPause, mostEarly } = expected;
	const pauses = exchanges.flatMap(({ isHit, place, at }, n) => {
		const next = exchanges.slice(n + 1).find((later) => later.item === HIT && later.place === place);
		return isHit && next ? [(next.at - at) / 1000] : [];
	});
	const early = pauses.filter((pause) => pause < leastPause);
	return [
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
		...(starts !== undefined && startsOf(HIT) !== starts
			? [`the trigger's workflow has started ${startsOf(HIT)} times instead of ${starts}`]
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
