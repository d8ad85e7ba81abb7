/** Every address of the service that the node calls is built here, and nowhere else. */
import type { IDataObject } from 'n8n-workflow';

import type { ApiVersion, Generation } from './fields';
import { idAsPath, isFetchAddress, type JobId } from './job-id';
import { isHttp, parseUrl, withoutTrailing } from './url';

interface Paths {
	submit: Record<Generation, string>;
	/** The job's ID follows, or stands in the body as `request_id`. */
	fetch: string;
	upload: string;
	/** The upload's body, without the key. */
	uploadBody: (dataUri: string) => IDataObject;
}

const PATHS: Record<ApiVersion, Paths> = {
	v3: {
		submit: { imageTo3d: 'v3/img_to_3d', textTo3d: 'v3/txt_to_3d' },
		fetch: 'v3/fetch',
		upload: 'v3/base64_crop',
		uploadBody: (image) => ({ image, crop: 'false' }),
	},
	v6: {
		submit: { imageTo3d: 'v6/3d/image_to_3d', textTo3d: 'v6/3d/text_to_3d' },
		fetch: 'v6/3d/fetch',
		// Its namesake under v6/3d takes 3D files.
		upload: 'v6/base64_to_url',
		uploadBody: (file) => ({ base64_string: file }),
	},
};

export const MODELSLAB = 'https://modelslab.com/api';

/** The service's first host: v6 is documented at {@link MODELSLAB} only. */
const FIRST_HOST = /^(www\.)?stablediffusionapi\.com$/;

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
		const base = parseUrl(`${withoutTrailing(baseUrl.trim(), '/')}/`);
		// A user and password would go into the addresses that items carry.
		return base && isHttp(base) && !hasUser(base) ? new Endpoints(base) : undefined;
	}

	get hostname(): string {
		return this.base.hostname;
	}

	/** The Base URL at which this version is documented, if this one is not. */
	betterBaseUrl(version: ApiVersion): string | undefined {
		return version === 'v6' && FIRST_HOST.test(this.hostname) ? MODELSLAB : undefined;
	}

	submit(version: ApiVersion, operation: Generation): string {
		return this.at(PATHS[version].submit[operation]);
	}

	/** The call that turns a file into a link. */
	upload(version: ApiVersion, dataUri: string): { url: string; body: IDataObject } {
		const { upload, uploadBody } = PATHS[version];
		return { url: this.at(upload), body: uploadBody(dataUri) };
	}

	/**
	 * Where and with what to ask for a job: at the address that the service named, if that is a job's address on the
	 * service's own origin (the key goes with the call), else at the documented one. An ID that cannot stand in a path
	 * goes into the body.
	 */
	fetch(version: ApiVersion, id: JobId, fetchResult?: string): { url: string; body: IDataObject } {
		const named = fetchResult === undefined ? undefined : parseUrl(fetchResult);
		if (named?.origin === this.base.origin && !hasUser(named) && isFetchAddress(named)) {
			return { url: named.href, body: {} };
		}
		const { fetch } = PATHS[version];
		const path = idAsPath(id);
		return path === undefined
			? { url: this.at(fetch), body: { request_id: id } }
			: { url: this.at(`${fetch}/${path}`), body: {} };
	}

	private at(path: string): string {
		return `${this.root}${path}`;
	}
}

const hasUser = (url: URL) => url.username !== '' || url.password !== '';
