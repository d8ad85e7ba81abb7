/** The calls about an account: its balance, its open requests, its generated files. All are free. */
import { answerError, answerJson, answerNotFound, type Answer } from './answers.mts';
import type { Clock } from './clock.mts';
import type { Json } from './json.mts';
import type { JobQueue } from './jobs.mts';

/** The most assets of a page. */
const MOST_PER_PAGE = 30;
const PER_PAGE = 10;

/** The most counts of open requests in a minute. */
const MOST_COUNTS = 30;
const MINUTE_MS = 60_000;

export interface AccountOptions {
	/** Keys without credits. */
	creditlessKeys: readonly string[];
	/** Keys that may not list what was generated. */
	unlistableKeys: readonly string[];
}

/** @returns a page number or size as the service takes it: an integer, also as text; `undefined` for anything else */
function readCount(value: unknown, preset: number, most: number): number | undefined {
	if (value === undefined || value === null) return preset;
	const count = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
	return typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= most
		? count
		: undefined;
}

const refuseField = (field: string, rule: string) =>
	answerError({ [field]: [`The ${field} field must be ${rule}.`] });

export class Accounts {
	/** When each key counted its open requests in the last minute, ms. */
	private readonly counts = new Map<string, number[]>();

	constructor(
		private readonly clock: Clock,
		private readonly queue: JobQueue,
		private readonly options: AccountOptions,
	) {}

	hasNoCredit(key: unknown): boolean {
		return this.options.creditlessKeys.includes(String(key));
	}

	describeBalance({ key }: Json): Answer {
		const balance = this.hasNoCredit(key) ? 0 : 43.6;
		return answerJson({ status: 'success', data: { balance, currency: 'USD' } });
	}

	/** The open requests of the key. */
	countOpen({ key }: Json): Answer {
		const name = String(key);
		const now = this.clock.now();
		const counts = (this.counts.get(name) ?? []).filter((at) => at > now - MINUTE_MS);
		const [oldest = now] = counts;
		if (counts.length >= MOST_COUNTS) {
			const seconds = Math.ceil((oldest + MINUTE_MS - now) / 1000);
			return answerError('Rate limit exceeded. Maximum 30 requests per minute.', 429, {
				retry_after: seconds,
			});
		}
		this.counts.set(name, [...counts, now]);
		const open = this.queue.openJobs(name).length;
		return answerJson({
			status: 'success',
			processing_count: open,
			message: `${open} requests are processing`,
		});
	}

	/** A page of the finished jobs that have files, the newest first. */
	listAssets(body: Json): Answer {
		if (this.options.unlistableKeys.includes(String(body.key))) {
			return answerError('This endpoint needs an enterprise API key.');
		}
		if (body.type !== '3d') return refuseField('type', '3d');
		const page = readCount(body.page, 1, Infinity);
		if (page === undefined) return refuseField('page', 'an integer from 1');
		const perPage = readCount(body.per_page, PER_PAGE, MOST_PER_PAGE);
		if (perPage === undefined) return refuseField('per_page', `an integer from 1 to ${MOST_PER_PAGE}`);
		const jobs = this.queue.listFinished(String(body.key)).reverse();
		const first = (page - 1) * perPage;
		const data = jobs
			.slice(first, first + perPage)
			.map(({ toldId, record }) => ({ id: toldId, output: record.outputs }));
		return answerJson({
			status: 'success',
			type: '3d',
			data,
			pagination: {
				current_page: page,
				per_page: perPage,
				total: jobs.length,
				last_page: Math.max(1, Math.ceil(jobs.length / perPage)),
				from: data.length > 0 ? first + 1 : null,
				to: data.length > 0 ? first + data.length : null,
			},
		});
	}

	/** Deletes the files of a job. It cannot be undone. */
	deleteFiles(body: Json, id: string): Answer {
		if (body.type !== '3d') return refuseField('type', '3d');
		if (id === '') return answerError({ request_id: ['The request_id field is required.'] });
		const isDeleted = this.queue.deleteFiles(id, String(body.key));
		return isDeleted ? answerJson({ status: 'success', messege: 'image deleted' }) : answerNotFound();
	}
}
