/** Downloads for calls that nobody verifies. Anybody can make them, so what they cost is limited. */
import { listFiles, type JobFacts } from '../api/job-facts';
import { isPublicHost } from '../api/public-address';
import type { Clock } from '../async/clock';
import { Semaphore } from '../async/semaphore';
import type { Quota } from '../request';

/** The most files of a trigger that are downloaded at the same time. */
const MAX_DOWNLOADS = 2;

/** The most calls to a trigger whose files are downloaded, or wait for that. */
const MAX_CALLS = 10;

/** How long the download of a file may take, ms. */
export const UNVERIFIED_LIMIT_MS = 300_000;

/** How often the limit of a call fits into that of an hour. */
const CALLS_AN_HOUR = 2;
const HOUR_MS = 3_600_000;

/** The limits of one trigger. They are its own, so that nothing that it downloads delays another trigger. */
export class UnverifiedDownloads {
	readonly slots = new Semaphore(MAX_DOWNLOADS);
	private calls = 0;
	private hourBeganAt = -Infinity;
	/** What the calls of the hour have left in n8n's storage, bytes. */
	private used = 0;

	/**
	 * Downloads the files of a call, if the limits allow it.
	 *
	 * @param maxBytes of all files of the call. Twice of it is allowed in an hour.
	 * @returns `undefined` if the limits do not allow it
	 * @throws what `download` throws for another reason
	 */
	async run<T>(
		clock: Clock,
		maxBytes: number,
		download: (quota: Quota) => Promise<T>,
	): Promise<T | undefined> {
		if (clock.now() - this.hourBeganAt >= HOUR_MS) {
			this.hourBeganAt = clock.now();
			this.used = 0;
		}
		const hourBytes = CALLS_AN_HOUR * maxBytes;
		if (this.calls >= MAX_CALLS || this.used >= hourBytes) return undefined;
		let left = maxBytes;
		const quota: Quota = {
			isExceeded: false,
			take: (bytes) => {
				left -= bytes;
				this.used += bytes;
				if (left < 0 || this.used > hourBytes) quota.isExceeded = true;
				return !quota.isExceeded;
			},
		};
		this.calls += 1;
		const [result] = await Promise.allSettled([download(quota)]);
		this.calls -= 1;
		if (result.status === 'fulfilled') return result.value;
		if (quota.isExceeded) return undefined;
		throw result.reason as Error;
	}
}

/** Whether all files of a job are on the open internet, as far as their addresses show. */
export const hasPublicFiles = (job: JobFacts): boolean =>
	listFiles(job).every(({ url, mirror }) =>
		[url, mirror].every((address) => address === undefined || isPublicHost(new URL(address).hostname)),
	);
