/** Every address of the service that the node calls is built here, and nowhere else. */
import type { ApiVersion, Generation } from './fields';
import { isHttp, urlOf } from './url';

const SUBMIT_PATH: Record<ApiVersion, Record<Generation, string>> = {
	v3: { imageTo3d: 'v3/img_to_3d', textTo3d: 'v3/txt_to_3d' },
};

const FETCH_PATH: Record<ApiVersion, string> = { v3: 'v3/fetch' };

const UPLOAD_PATH: Record<ApiVersion, string> = { v3: 'v3/base64_crop' };

/** The addresses under one base URL. */
export class Endpoints {
	/** What all paths are appended to: the base URL, ending in a slash, without the query that it may have. */
	readonly root: string;

	private constructor(private readonly base: URL) {
		this.root = new URL('.', base).href;
	}

	/**
	 * @param baseUrl the credential's Base URL, with or without trailing slashes
	 * @returns `undefined` when it is no http or https URL, or has a user name or password in it
	 */
	static under(baseUrl: string): Endpoints | undefined {
		const base = urlOf(`${baseUrl.trim().replace(/\/+$/, '')}/`);
		// A user and password would go into the addresses that items carry.
		return base && isHttp(base) && !hasUser(base) ? new Endpoints(base) : undefined;
	}

	get hostname(): string {
		return this.base.hostname;
	}

	submit(version: ApiVersion, operation: Generation): string {
		return this.at(SUBMIT_PATH[version][operation]);
	}

	upload(version: ApiVersion): string {
		return this.at(UPLOAD_PATH[version]);
	}

	/**
	 * Where to ask for a job: the address the service named, if that is on the service's own origin (the key
	 * goes with the call), else the documented one.
	 *
	 * @param id a job id that `readId` let through
	 */
	fetch(version: ApiVersion, id: string | number, fetchResult?: string): string {
		const named = fetchResult === undefined ? undefined : urlOf(fetchResult);
		return named?.origin === this.base.origin && !hasUser(named)
			? named.href
			: this.at(`${FETCH_PATH[version]}/${id}`);
	}

	private at(path: string): string {
		return `${this.root}${path}`;
	}
}

const hasUser = (url: URL) => url.username !== '' || url.password !== '';
