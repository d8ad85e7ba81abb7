import fc from 'fast-check';

import {
	findId,
	findIdInText,
	encodeIdAsPath,
	readIdFromAddress,
	isSameId,
	keepIdsExact,
	readId,
	writeId,
} from '../../nodes/ImgTo3d/api/job-id';
import { jsonText } from '../support/answer-texts.mts';

const parse = (json: string) => JSON.parse(keepIdsExact(json)) as Record<string, unknown>;

describe('an ID in JSON is kept as it was written', () => {
	test.each<[string, unknown]>([
		['1234567890123456789', '1234567890123456789'],
		['9007199254740993', '9007199254740993'],
		['9007199254740991', 9007199254740991],
		['1e21', '1e21'],
		['1E+21', '1E+21'],
		['1e999', '1e999'],
		['-1.50', '-1.50'],
		['-0', '-0'],
		['-5', -5],
		['0', 0],
		['326', 326],
		['9'.repeat(400), '9'.repeat(400)],
	])('%s', (written, id) => {
		for (const name of ['id', 'request_id', 'track_id', 'ID']) {
			expect(parse(`{"${name}":${written}}`)).toEqual({ [name]: id });
			expect(parse(`[{"a":{"${name}" :\n\t${written} }}]`)).toEqual([{ a: { [name]: id } }]);
		}
	});

	test.each([
		'{"seed":12345678901234567890}',
		'{"ids":12345678901234567890}',
		'{"a\\"id":12345678901234567890}',
		'{"message":"\\"id\\":12345678901234567890"}',
		'{"message":"the \\\\\\"id\\":12345678901234567890"}',
		'["id",12345678901234567890]',
		'{"id":[1,12345678901234567890]}',
		'{"a":"id","b":12345678901234567890}',
	])('and nothing else is changed: %s', (json) => {
		expect(keepIdsExact(json)).toBe(json);
	});

	/** Any number, also where there is no ID. */
	const number = fc.oneof(
		fc.constantFrom('-0', '1e21', '1E-400', '1e999', '0.10', '12345678901234567890', '-1.50', '1e5'),
		fc.integer().map(String),
		fc.bigInt().map(String),
	);
	const name = fc.constantFrom(
		'id',
		'request_id',
		'a_b_c_id',
		'a_b_c_d_id',
		'Id',
		'seed',
		'a"id',
		'\\',
		'__proto__',
	);
	const withIds = fc.letrec<{ value: string }>((tie) => ({
		value: fc.oneof(
			{ depthSize: 'small' },
			{ weight: 3, arbitrary: number },
			fc.string().map((text) => JSON.stringify(text)),
			fc.constantFrom('"id"', '"\\"id\\":"', '"\\\\"', 'null'),
			jsonText,
			fc.array(tie('value'), { maxLength: 3 }).map((entries) => `[ ${entries.join(' ,')}]`),
			fc
				.array(fc.tuple(name, fc.constantFrom('', ' ', '\n\t'), tie('value')), { maxLength: 4 })
				.map((entries) =>
					entries.map(([key, space, value]) => `${JSON.stringify(key)}${space}:${space}${value}`),
				)
				.map((entries) => `{${entries.join(',')}}`),
		),
	})).value;

	/** Lists the differences. An ID may be the same number, or the text that the number was written as. */
	function listDifferences(before: unknown, after: unknown, field: string): string[] {
		if (typeof before === 'number' && typeof after === 'string') {
			const isSame = Number(after) === before || `${Number(after)}` === `${before}`;
			return /^(?:[a-z]{1,20}_){0,3}id$/i.test(field) && isSame && String(before) !== after
				? []
				: [`${field}: ${before} and ${after}`];
		}
		if (typeof before !== 'object' || before === null || typeof after !== 'object' || after === null) {
			return Object.is(before, after) ? [] : [`${field}: ${String(before)} and ${String(after)}`];
		}
		const [names, namesAfter] = [Object.keys(before), Object.keys(after)];
		if (names.join() !== namesAfter.join()) return [`${field}: ${names.join()} and ${namesAfter.join()}`];
		return Object.entries(before).flatMap(([key, value]) =>
			listDifferences(
				value,
				Object.getOwnPropertyDescriptor(after, key)?.value,
				// An ID may be wrapped: the first entry of a list counts, too.
				Array.isArray(before) ? (key === '0' ? field : '') : key,
			),
		);
	}

	test('in any JSON, and everything else stays the same', () => {
		let kept = 0;
		fc.assert(
			fc.property(withIds, (json) => {
				const [before, exact] = [JSON.parse(json) as unknown, keepIdsExact(json)];
				expect(listDifferences(before, JSON.parse(exact), '')).toEqual([]);
				expect(keepIdsExact(exact)).toBe(exact);
				if (exact !== json) kept += 1;
			}),
			{ numRuns: 3000 },
		);
		// Otherwise too little was tested.
		expect(kept).toBeGreaterThan(100);
	});

	test('in any notation', () => {
		fc.assert(
			fc.property(number, (written) => {
				const { id } = parse(`{"id":${written}}`);
				expect(String(id)).toBe(written);
			}),
		);
	});
});

test.each<[unknown, unknown]>([
	['326', '326'],
	[' gen/123\n', 'gen/123'],
	[326, 326],
	[0, 0],
	[-5, -5],
	['', undefined],
	[' \u00a0', undefined],
	[NaN, undefined],
	[Infinity, undefined],
	[null, undefined],
	[true, undefined],
	[[326], undefined],
	[{}, undefined],
])('the value %j is the ID %j', (value, id) => {
	expect(readId(value)).toBe(id);
});

describe('the ID of an answer is found', () => {
	const nested = (depth: number, core: unknown): unknown =>
		depth === 0 ? core : { data: nested(depth - 1, core) };

	test.each<[string, object, unknown]>([
		['at its top', { id: 326, request_id: 7 }, 326],
		['by its other name', { request_id: 'a.b.c' }, 'a.b.c'],
		['if the first is empty', { id: '', request_id: 'job:123' }, 'job:123'],
		['if the first is not an ID', { id: null, data: { id: -5 } }, -5],
		['in a list', { output: [{ url: 'x' }, { id: 'gen/123' }] }, 'gen/123'],
		['in lists of lists', { a: [[{ id: 1 }]] }, 1],
		['where it is least nested', { a: { b: { id: 1 } }, c: { request_id: 2 } }, 2],
		['in a list of one', { id: [['326']] }, '326'],
		['wrapped', { id: { $oid: 'a1' } }, 'a1'],
		['several at once', { id: [1, 2] }, '[1,2]'],
		['seven levels down', nested(7, { id: 326 }) as object, 326],
		['with the name of a prototype', JSON.parse('{"__proto__":{"id":326}}') as object, 326],
	])('%s', (_name, answer, id) => {
		expect(findId(answer as Record<string, unknown>)).toBe(id);
	});

	test.each<[string, object]>([
		['in nothing', {}],
		[
			"in the service's words",
			{ message: { id: 'The id field is required.' }, errors: [{ id: 'x' }], tips: { id: 1 } },
		],
		['in fields with other names', { track_id: 7, ids: [1], seed: 5 }],
		['in fields without a value', { id: [], request_id: {}, a: { id: [[null]] } }],
	])('not %s', (_name, answer) => {
		expect(findId(answer as Record<string, unknown>)).toBeUndefined();
	});
});

describe('the ID in JSON that broke off is found', () => {
	test.each<[string, unknown]>([
		['{"status":"processing","id":10684518,"outp', 10684518],
		['{"request_id" : "gen/123" , "a', 'gen/123'],
		['{"id":1234567890123456789,', '1234567890123456789'],
		['{"id":1e21}{', '1e21'],
		['{"id":"a\\u002fb\\"c","', 'a/b"c'],
		['{"id":"","request_id":-5,', -5],
		['{"id":null,"data":{"id":"x"}', 'x'],
	])('%s', (text, id) => {
		expect(findIdInText(text)).toBe(id);
	});

	test.each([
		'',
		'{"status":"processing","id":106845',
		'{"id":"gen/12',
		'{"id":"gen\\',
		'{"message":"\\"id\\": 7, and more',
		'{"track_id":7,',
		'{"id":null,',
		'{"id":"\\u00',
	])('but not if it is missing or cut off itself: %s', (text) => {
		expect(findIdInText(text)).toBeUndefined();
	});
});

describe('an ID in a path', () => {
	test.each<[string | number, string | undefined]>([
		[326, '326'],
		[-5, '-5'],
		['1234567890123456789', '1234567890123456789'],
		['1e21', '1e21'],
		['a.b.c', 'a.b.c'],
		['a..b', 'a..b'],
		['...', '...'],
		['job:123', 'job%3A123'],
		['gen/123', 'gen%2F123'],
		['?a=b#c', '%3Fa%3Db%23c'],
		['%2e%2e', '%252e%252e'],
		['x'.repeat(1000), 'x'.repeat(1000)],
		['x'.repeat(1001), undefined],
		['\u00fc'.repeat(167), undefined],
		['.', undefined],
		['..', undefined],
		['../balance', undefined],
		['a/../b', undefined],
		['a\\..\\b', undefined],
		['a/.', undefined],
		['\ud800', undefined],
		['a\udc00b', undefined],
	])('%j is %j', (id, path) => {
		expect(encodeIdAsPath(id)).toBe(path);
	});

	const anyId = fc.oneof(
		fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), minLength: 1 }),
		fc
			.array(fc.constantFrom('.', '..', '/', '\\', '%', '%2e', '%2F', 'a', '?', '#', ' ', ':'), {
				minLength: 1,
			})
			.map((parts) => parts.join('')),
		fc.integer().map(String),
	);

	test('follows "fetch", and is read from there as it was', () => {
		let tested = 0;
		fc.assert(
			fc.property(anyId, (text) => {
				const id = readId(text);
				const path = id === undefined ? undefined : encodeIdAsPath(id);
				if (path === undefined) return;
				tested += 1;
				const url = new URL(`https://a.example/api/v3/fetch/${path}`);
				expect([url.pathname, url.search, url.hash]).toEqual([`/api/v3/fetch/${path}`, '', '']);
				expect(readIdFromAddress(url)).toBe(id);
			}),
			{ numRuns: 2000 },
		);
		expect(tested).toBeGreaterThan(500);
	});
});

test.each<[string, unknown]>([
	['https://a.example/api/v3/fetch/10684517', '10684517'],
	['https://a.example/api/v6/3d/fetch/job%3A7/', 'job:7'],
	['https://a.example/fetch/gen%2F123?x=1#y', 'gen/123'],
	['https://a.example/fetch/100%', '100%'],
	['https://a.example/fetch/%20', undefined],
	['https://a.example/fetch/', undefined],
	['https://a.example/fetch/7/more', undefined],
	['https://a.example/fetch//', undefined],
	['https://a.example/prefetch/7', undefined],
	['https://a.example/later', undefined],
])('the ID in the address %s is %j', (address, id) => {
	expect(readIdFromAddress(new URL(address))).toBe(id);
	expect(readIdFromAddress(undefined)).toBeUndefined();
});

test('the ID in an address of megabytes does not overflow the stack', () => {
	expect(readIdFromAddress(new URL(`https://a.example/fetch/${'7'.repeat(10_000_000)}/x`))).toBeUndefined();
	expect(
		String(readIdFromAddress(new URL(`https://a.example/fetch/${'7'.repeat(10_000_000)}`))),
	).toHaveLength(10_000_000);
});

test.each<[string | number, string | number, boolean]>([
	[326, '326', true],
	['0326', 326, true],
	['0', '000', true],
	['0', '', false],
	['326', '3260', false],
	['-5', '5', false],
	['1e21', '1e+21', false],
	['0x146', 326, false],
	['1234567890123456789', '1234567890123456768', false],
	['0a', 'a', false],
	['job-a', 'JOB-A', false],
])('the IDs %j and %j are the same: %j', (one, other, isSame) => {
	expect([isSameId(one, other), isSameId(other, one)]).toEqual([isSame, isSame]);
});

describe('an ID in a sentence', () => {
	test.each<[string | number, string]>([
		[326, '326'],
		['1234567890123456789', '1234567890123456789'],
		['a\nb\u2028c\u0000d', 'a b c d'],
		['x'.repeat(100), 'x'.repeat(100)],
		['x'.repeat(101), `${'x'.repeat(100)}...`],
	])('%j is %j', (id, written) => {
		expect(writeId(id)).toBe(written);
	});

	test('is always short and on one line', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'binary', size: 'large' }), (id) => {
				const written = writeId(id);
				expect(written.length).toBeLessThanOrEqual(303);
				expect(written).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
			}),
		);
	});
});
