/** The versions of the API. To add one, add its file and its line here. */
import { parseUrl } from '../url';
import { enterprise } from './enterprise';
import { v3 } from './v3';
import { v6 } from './v6';
import type { Version } from './version';

export { GENERATIONS, type Generation, type Version } from './version';

const versions = { v3, v6, enterprise };

/** As saved workflows name it. */
export type ApiVersion = keyof typeof versions;

export const VERSIONS: Readonly<Record<ApiVersion, Version>> = versions;

/** The usual one first. */
export const API_VERSIONS = Object.keys(versions) as readonly ApiVersion[];

export const DEFAULT_API_VERSION: ApiVersion = 'v3';

/**
 * The versions that may know a job of which only the ID is known, in the order in which they are asked. IDs are numbers,
 * and jobs of two versions can have the same one. V3 comes first, because its jobs are done in seconds. Enterprise is not
 * asked: only a customer with servers of their own has jobs there, and knows it.
 */
export const SEARCHED_VERSIONS: readonly [ApiVersion, ...ApiVersion[]] = ['v3', 'v6'];

const readHost = (url: string) => parseUrl(url)?.hostname.replace(/^www\./, '');

/** The hosts at which the service documents any version. */
const SERVICE_HOSTS = new Set(Object.values(VERSIONS).flatMap(({ baseUrls }) => baseUrls.map(readHost)));

/**
 * Finds the Base URL to use instead of another one of the service's, at which a call is not documented.
 *
 * @param baseUrls where the calls are documented, such as those of a version
 * @param baseUrl the credential's Base URL
 * @returns `undefined` if the calls are documented there, or if the host is none of the service's own
 */
export function findBetterBaseUrl(
	{ baseUrls }: Pick<Version, 'baseUrls'>,
	baseUrl: string,
): string | undefined {
	const host = readHost(baseUrl);
	const isUsable = !SERVICE_HOSTS.has(host) || baseUrls.map(readHost).includes(host);
	return isUsable ? undefined : baseUrls[0];
}

/** Names the versions with some property, for people: "V3 or V6", or the results as the panel names them. */
export function nameVersions(has: (version: Version) => boolean, by: 'name' | 'result' = 'name'): string {
	return Object.values(VERSIONS)
		.filter(has)
		.map((version) => version[by])
		.join(' or ');
}
