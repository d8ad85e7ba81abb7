/** What an answer says about which job there is: its ID, and other evidence that the service has accepted one. */
import { findId, readIdFromAddress, readId, type JobId } from './job-id';
import { MASK } from './redact';
import { parseUrl } from './url';

/** Which job an answer is about. */
export interface JobEvidence {
	/** The ID in the answer, in any form and at any place. */
	id?: JobId;
	/** Whether the ID is elsewhere than in `id`. It may then be the ID of something else. */
	isIdUncertain?: boolean;
	/** Whether something in the answer shows that there is a job: an ID, an ETA, links. A submit was accepted then. */
	hasEvidence?: boolean;
}

/** The base of addresses that are relative to the service's own. Only their path counts. */
const ANY_ORIGIN = 'http://service.invalid';

/** Parses an address of the service, which may be relative. */
export const parseServiceUrl = (text: string): URL | undefined => parseUrl(text, ANY_ORIGIN);

/** An ID that is not where it should be. It is evidence of a job all the same. */
export const toUncertainId = (id: JobId | undefined): JobEvidence =>
	id === undefined ? {} : { id, hasEvidence: true, isIdUncertain: true };

/** Reads the job's ID, in whatever form the answer has it. */
export function readJobId(body: Record<string, unknown>): JobId | undefined {
	const { fetch_result: address } = body;
	const id =
		findId(body) ?? readIdFromAddress(typeof address === 'string' ? parseServiceUrl(address) : undefined);
	// An ID that contained the key is useless after masking.
	return String(id).includes(MASK) ? undefined : id;
}

/** @returns the mark that the ID of a body is uncertain, if it is */
export const readUncertainty = ({ id }: Record<string, unknown>): Pick<JobEvidence, 'isIdUncertain'> =>
	readId(id) === undefined ? { isIdUncertain: true } : {};

/** Reads the ID of a body, and whether that is certain. */
export function readIdEvidence(body: Record<string, unknown>): Pick<JobEvidence, 'id' | 'isIdUncertain'> {
	const id = readJobId(body);
	return id === undefined ? {} : { id, ...readUncertainty(body) };
}

/** Whether there is a job, by anything in a body but its status. */
export function hasJobEvidence(body: Record<string, unknown>): boolean {
	const { fetch_result, eta, output, future_links, proxy_links } = body;
	return (
		findId(body) !== undefined || [fetch_result, eta, output, future_links, proxy_links].some(isNotEmpty)
	);
}

function isNotEmpty(value: unknown): boolean {
	if (Array.isArray(value)) return value.some(isNotEmpty);
	return typeof value === 'string' ? value.trim() !== '' : value !== undefined && value !== null;
}
