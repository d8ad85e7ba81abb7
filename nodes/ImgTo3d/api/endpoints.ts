/** Builds every address of the service that the nodes call. */
import type { IDataObject } from 'n8n-workflow';

import { ACCOUNT_CALLS, type AccountCall } from './account-calls';
import { encodeIdAsPath, isFetchAddress, type JobId } from './job-id';
import { isHttp, parseUrl, trimEnd } from './url';
import { VERSIONS, type ApiVersion, type Generation } from './versions';

/** The addresses under one base URL. */
export class Endpoints {
	/** The base URL with a slash at its end and without a query. All paths follow it. */
	readonly root: string;

	private constructor(private readonly base: URL) {
		this.root = new URL('.', base).href;
	}

	/**
	 * @param baseUrl the credential's Base URL, with or without trailing slashes
	 * @returns `undefined` if it is not an http or https URL, or contains a user name or password
	 */
	static under(baseUrl: string): Endpoints | undefined {
		const base = parseUrl(`${trimEnd(baseUrl.trim(), '/')}/`);
		// A user name and password would be in the addresses that items carry.
		return base && isHttp(base) && !hasUser(base) ? new Endpoints(base) : undefined;
	}

	get hostname(): string {
		return this.base.hostname;
	}

	/** The address that says how busy the service is. It takes a key, and generates nothing. */
	get systemLoadUrl(): string {
		return this.buildUrl('v3/system_load');
	}

	/** Builds the addresses of a call about the account: the first one, and others to call if it is not there. */
	buildAccountUrls(call: AccountCall): string[] {
		return ACCOUNT_CALLS[call].paths.map((path) => this.buildUrl(path));
	}

	/** Builds the address to submit to. */
	buildSubmitUrl(version: ApiVersion, operation: Generation): string {
		return this.buildUrl(VERSIONS[version].paths.submit[operation]);
	}

	/** Builds the call that turns a file into a link. */
	buildUploadCall(version: ApiVersion, dataUri: string): { url: string; body: IDataObject } {
		const { paths, buildUploadBody } = VERSIONS[version];
		return { url: this.buildUrl(paths.upload), body: buildUploadBody(dataUri) };
	}

	/**
	 * Builds the call that asks for a job. It goes to the address that the service named, if that is a job's address on the
	 * service's own origin, because the key goes with the call. Otherwise it goes to the documented address. An ID that
	 * does not fit in a path goes into the body.
	 */
	buildFetchCall(version: ApiVersion, id: JobId, fetchResult?: string): { url: string; body: IDataObject } {
		const named = fetchResult === undefined ? undefined : parseUrl(fetchResult);
		if (named?.origin === this.base.origin && !hasUser(named) && isFetchAddress(named)) {
			return { url: named.href, body: {} };
		}
		const { fetch } = VERSIONS[version].paths;
		const path = encodeIdAsPath(id);
		return path === undefined
			? { url: this.buildUrl(fetch), body: { request_id: id } }
			: { url: this.buildUrl(`${fetch}/${path}`), body: {} };
	}

	private buildUrl(path: string): string {
		return `${this.root}${path}`;
	}
}

const hasUser = (url: URL) => url.username !== '' || url.password !== '';
