/** The calls that strangers flood n8n with: malformed and forged ones, and what each may be answered. */
import { gzipSync } from 'node:zlib';

/** A call that is sent. */
export interface ForgedCall {
	headers?: Record<string, string>;
	body: string | Buffer;
}

/** What a stranger may know of the account's jobs. */
export interface KnownJobs {
	/** One that has ended well, and has started the workflow. */
	done: number;
	/** One that has not ended. */
	open: number;
	/** The track ID that the trigger wants. */
	trackId: string;
}

export interface ForgedKind {
	name: string;
	/** How many of a hundred calls, about. */
	share: number;
	/** @param n the call's number in the flood */
	make: (n: number, known: KnownJobs) => ForgedCall;
	/** What the trigger may answer, and n8n where it does not let the node see the call. */
	answers: readonly number[];
}

/** Above all IDs of the stand-in. */
const NOBODYS_ID = 900_000_000;

const JSON_TYPE = { 'content-type': 'application/json' };

const LARGE = 'x'.repeat(1_000_000);
const TOO_LARGE = 'x'.repeat(2_000_000);

const asJson = (value: unknown, headers: Record<string, string> = {}): ForgedCall => ({
	headers: { ...JSON_TYPE, ...headers },
	body: JSON.stringify(value),
});

/** The call that the service would make. */
const success = (id: unknown, { trackId }: KnownJobs, more: object = {}) => ({
	status: 'success',
	id,
	track_id: trackId,
	output: ['https://files.example/turntable.gif'],
	...more,
});

/** A call about a job that nobody knows, another one each time. */
const unknown =
	(more: object = {}) =>
	(n: number, known: KnownJobs) =>
		success(NOBODYS_ID + n, known, more);

const forged = (
	name: string,
	share: number,
	body: (n: number, known: KnownJobs) => unknown,
	answers: readonly number[] = [403],
): ForgedKind => ({ name, share, make: (n, known) => asJson(body(n, known)), answers });

const malformed = (
	name: string,
	share: number,
	call: ForgedCall,
	answers: readonly number[] = [400],
): ForgedKind => ({ name, share, make: () => call, answers });

/** Of calls about the same end, those are answered at once that another one speaks for. */
const OR_IN_HAND = [403, 200];

/** n8n parses the body before the node sees the call; it has codes of its own for what it cannot parse. */
const BY_N8N = [422];

export const FORGED_KINDS: readonly ForgedKind[] = [
	forged('unknown job', 40, unknown()),
	forged('unknown job, failed', 4, (n, known) => ({
		...unknown()(n, known),
		status: 'failed',
		message: 'No',
	})),
	forged('output at a private address', 4, unknown({ output: ['http://169.254.169.254/latest/meta-data/'] })),
	forged('another key', 4, unknown({ key: 'sk-somebody-elses-key-0123456789' })),
	forged('a megabyte', 0.5, unknown({ more: LARGE })),
	forged(
		'done job, failed',
		4,
		(_n, known) => ({ ...success(known.done, known), status: 'failed' }),
		OR_IN_HAND,
	),
	forged(
		'done job, spelt otherwise',
		2,
		(n, known) => success(`${'0'.repeat(1 + (n % 100))}${known.done}`, known),
		OR_IN_HAND,
	),
	forged('open job', 2, (_n, known) => success(known.open, known), OR_IN_HAND),
	forged('done job again', 4, (_n, known) => success(known.done, known), [200]),
	forged('another track ID', 4, (n, known) => ({ ...unknown()(n, known), track_id: `other-${n}` }), [200]),
	{
		name: 'unknown job, gzip',
		share: 2,
		make: (n, known) => ({
			headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
			body: gzipSync(JSON.stringify(unknown()(n, known))),
		}),
		answers: [403],
	},
	{
		name: 'unknown job, as text',
		share: 2,
		make: (n, known) => ({ ...asJson(unknown()(n, known)), headers: { 'content-type': 'text/plain' } }),
		answers: [403],
	},
	malformed('two megabytes', 0.5, asJson({ status: 'success', id: 1, more: TOO_LARGE }), [413]),
	malformed('no JSON', 3, { headers: { 'content-type': 'text/plain' }, body: 'hello' }),
	malformed('empty', 3, { body: '' }),
	malformed('a list', 3, asJson([1, 2])),
	malformed('null', 2, asJson(null)),
	malformed('no status', 2, asJson({ id: 5 })),
	malformed('no ID', 2, asJson({ status: 'success', output: ['https://files.example/a.gif'] })),
	malformed('wrong types', 2, asJson({ status: 5, id: {}, track_id: [], output: 7 })),
	forged('an ID that is a path', 2, () => ({ status: 'failed', id: '../../wallet_balance' }), OR_IN_HAND),
	malformed('a huge ID', 1, asJson({ status: 'failed', id: '9'.repeat(100_000) })),
	malformed('deep nesting', 1, { headers: JSON_TYPE, body: '['.repeat(5000) + ']'.repeat(5000) }),
	malformed('a form', 2, {
		headers: { 'content-type': 'application/x-www-form-urlencoded' },
		body: 'status=success&id=5',
	}),
	malformed('truncated JSON', 3, { headers: JSON_TYPE, body: '{"status":"success","id":' }, BY_N8N),
	malformed('broken XML', 1, { headers: { 'content-type': 'application/xml' }, body: '<a><b>' }, BY_N8N),
	malformed('no gzip', 1, asJson({ id: 5 }, { 'content-encoding': 'gzip' }), [500]),
];

const SHARES = FORGED_KINDS.reduce((sum, { share }) => sum + share, 0);

/** Steps through 0 to 1 so that each stretch of a flood has its share of each kind. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The kind of a flood's call, the same for the same number. */
export function kindOf(n: number): ForgedKind {
	let left = ((n * GOLDEN) % 1) * SHARES;
	for (const kind of FORGED_KINDS) {
		left -= kind.share;
		if (left < 0) return kind;
	}
	return FORGED_KINDS[0] as ForgedKind;
}
