/** The malformed and forged calls of a flood, and the answers that each may get. */
import { gzipSync } from 'node:zlib';

/** A call to send. */
export interface ForgedCall {
	headers?: Record<string, string>;
	body: string | Buffer;
}

/** What a stranger can know about the jobs of the account. */
export interface KnownJobs {
	/** A job that has succeeded, and has started the workflow. */
	done: number;
	/** A job that has not ended. */
	open: number;
	/** A track ID that the trigger accepts. */
	trackId: string;
}

export interface ForgedKind {
	name: string;
	/** Its share, in about a hundred. */
	share: number;
	/** @param n the call's number in the flood */
	make: (n: number, known: KnownJobs) => ForgedCall;
	/** The statuses that the trigger may answer, or n8n if the node does not see the call. */
	answers: readonly number[];
}

/** Above all IDs of the stand-in. */
const UNKNOWN_ID = 900_000_000;

const JSON_TYPE = { 'content-type': 'application/json' };

const LARGE = 'x'.repeat(1_000_000);
const TOO_LARGE = 'x'.repeat(2_000_000);

const makeJsonCall = (value: unknown, headers: Record<string, string> = {}): ForgedCall => ({
	headers: { ...JSON_TYPE, ...headers },
	body: JSON.stringify(value),
});

/** The call that the service would make. */
const describeSuccess = (id: unknown, { trackId }: KnownJobs, more: object = {}) => ({
	status: 'success',
	id,
	track_id: trackId,
	output: ['https://files.example/turntable.gif'],
	...more,
});

/** A call about an unknown job, a different one each time. */
const describeUnknown =
	(more: object = {}) =>
	(n: number, known: KnownJobs) =>
		describeSuccess(UNKNOWN_ID + n, known, more);

const forge = (
	name: string,
	share: number,
	body: (n: number, known: KnownJobs) => unknown,
	answers: readonly number[] = [403],
): ForgedKind => ({ name, share, make: (n, known) => makeJsonCall(body(n, known)), answers });

const malform = (
	name: string,
	share: number,
	call: ForgedCall,
	answers: readonly number[] = [400],
): ForgedKind => ({ name, share, make: () => call, answers });

/** A call about an end that another call already checks is answered at once. */
const OR_PENDING = [403, 200];

/** n8n parses the body before the node sees the call. It has its own codes for bodies that it cannot parse. */
const BY_N8N = [422];

export const FORGED_KINDS: readonly ForgedKind[] = [
	forge('unknown job', 40, describeUnknown()),
	forge('unknown job, failed', 4, (n, known) => ({
		...describeUnknown()(n, known),
		status: 'failed',
		message: 'No',
	})),
	forge(
		'output at a private address',
		4,
		describeUnknown({ output: ['http://169.254.169.254/latest/meta-data/'] }),
	),
	forge('another key', 4, describeUnknown({ key: 'sk-somebody-elses-key-0123456789' })),
	forge('a megabyte', 0.5, describeUnknown({ more: LARGE })),
	forge(
		'done job, failed',
		4,
		(_n, known) => ({ ...describeSuccess(known.done, known), status: 'failed' }),
		OR_PENDING,
	),
	forge(
		'done job, spelled differently',
		2,
		(n, known) => describeSuccess(`${'0'.repeat(1 + (n % 100))}${known.done}`, known),
		OR_PENDING,
	),
	forge('open job', 2, (_n, known) => describeSuccess(known.open, known), OR_PENDING),
	forge('done job again', 4, (_n, known) => describeSuccess(known.done, known), [200]),
	forge('another track ID', 4, (n, known) => ({ ...describeUnknown()(n, known), track_id: `other-${n}` }), [
		200,
	]),
	{
		name: 'unknown job, gzip',
		share: 2,
		make: (n, known) => ({
			headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
			body: gzipSync(JSON.stringify(describeUnknown()(n, known))),
		}),
		answers: [403],
	},
	{
		name: 'unknown job, as text',
		share: 2,
		make: (n, known) => ({
			...makeJsonCall(describeUnknown()(n, known)),
			headers: { 'content-type': 'text/plain' },
		}),
		answers: [403],
	},
	malform('two megabytes', 0.5, makeJsonCall({ status: 'success', id: 1, more: TOO_LARGE }), [413]),
	malform('not JSON', 3, { headers: { 'content-type': 'text/plain' }, body: 'hello' }),
	malform('empty', 3, { body: '' }),
	malform('a list', 3, makeJsonCall([1, 2])),
	malform('null', 2, makeJsonCall(null)),
	malform('no status', 2, makeJsonCall({ id: 5 })),
	malform('no ID', 2, makeJsonCall({ status: 'success', output: ['https://files.example/a.gif'] })),
	malform('wrong types', 2, makeJsonCall({ status: 5, id: {}, track_id: [], output: 7 })),
	forge('an ID that is a path', 2, () => ({ status: 'failed', id: '../../wallet_balance' }), OR_PENDING),
	malform('a huge ID', 1, makeJsonCall({ status: 'failed', id: '9'.repeat(100_000) })),
	malform('deep nesting', 1, { headers: JSON_TYPE, body: '['.repeat(5000) + ']'.repeat(5000) }),
	malform('a form', 2, {
		headers: { 'content-type': 'application/x-www-form-urlencoded' },
		body: 'status=success&id=5',
	}),
	malform('truncated JSON', 3, { headers: JSON_TYPE, body: '{"status":"success","id":' }, BY_N8N),
	malform('broken XML', 1, { headers: { 'content-type': 'application/xml' }, body: '<a><b>' }, BY_N8N),
	malform('not gzip', 1, makeJsonCall({ id: 5 }, { 'content-encoding': 'gzip' }), [500]),
];

const SHARES = FORGED_KINDS.reduce((sum, { share }) => sum + share, 0);

/** Multiples of it spread over 0 to 1 so evenly that each part of a flood has its share of each kind. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Chooses the kind of a call by its number. */
export function chooseKind(n: number): ForgedKind {
	let left = ((n * GOLDEN) % 1) * SHARES;
	for (const kind of FORGED_KINDS) {
		left -= kind.share;
		if (left < 0) return kind;
	}
	return FORGED_KINDS[0] as ForgedKind;
}
