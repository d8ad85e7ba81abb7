import fc from 'fast-check';

import { listJobs, type GeneratedJob } from '../../nodes/ImgTo3d/account/generated-jobs';
import type { AccountConnection } from '../../nodes/ImgTo3d/account/ask';
import type { Service } from '../../nodes/ImgTo3d/api/service';
import { systemClock } from '../../nodes/ImgTo3d/async/clock';

/** A list that the service keeps, the newest job first. It may change before any page is read. */
class ChangingList {
	readonly pages: number[] = [];
	/** Every job that was in the list. */
	readonly all: Set<number>;

	constructor(
		readonly ids: number[],
		private readonly changes: Array<(ids: number[]) => void> = [],
		private readonly saysTotal = true,
	) {
		this.all = new Set(ids);
	}

	read = (page: number, size: number): Record<string, unknown> => {
		this.changes[this.pages.length]?.(this.ids);
		this.pages.push(page);
		const data = this.ids.slice((page - 1) * size, page * size).map((id) => ({ id, output: [] }));
		const last_page = Math.max(1, Math.ceil(this.ids.length / size));
		const pagination = this.saysTotal ? { total: this.ids.length, last_page } : undefined;
		return { status: 'success', data, pagination };
	};
}

function connect(read: (page: number, size: number) => Record<string, unknown>): AccountConnection {
	const callAccount: Service['callAccount'] = async (_call, { page, per_page }) =>
		await Promise.resolve({ state: 'answered', body: read(Number(page), Number(per_page)) });
	return {
		clock: systemClock,
		service: { callAccount } as Service,
		signal: new AbortController().signal,
	};
}

const list = async (changing: ChangingList, limit = Infinity) =>
	(await listJobs(connect(changing.read), limit)).map(({ id }) => Number(id));

/** IDs from `from` down, as the newest job comes first. */
const countDown = (from: number, count: number) => Array.from({ length: count }, (_, n) => from - n);

describe('a list of jobs that changes while its pages are read', () => {
	test('repeats no job that a new one has moved to the next page', async () => {
		const changing = new ChangingList(countDown(100, 70), [() => {}, (ids) => ids.unshift(101)]);
		expect(await list(changing)).toEqual(countDown(100, 70));
	});

	test.each([1, 2, 29, 30, 31, 45])('loses no job when %d before it are deleted', async (count) => {
		const changing = new ChangingList(countDown(200, 150), [
			() => {},
			() => {},
			(ids) => ids.splice(0, count),
		]);
		const rest = countDown(200, 150).slice(count);
		const listed = await list(changing);
		expect(listed.filter((id) => rest.includes(id))).toEqual(rest);
	});

	test('loses no job when the last page is gone', async () => {
		const changing = new ChangingList(countDown(100, 61), [() => {}, () => {}, (ids) => ids.splice(0, 5)]);
		expect((await list(changing)).filter((id) => id <= 95)).toEqual(countDown(95, 56));
	});

	test('is read to its end without a total', async () => {
		expect(await list(new ChangingList(countDown(100, 70), [], false))).toEqual(countDown(100, 70));
	});

	test('ends where the service repeats one page for ever', async () => {
		const page = new ChangingList(countDown(30, 30), [], false);
		expect(
			(
				await listJobs(
					connect((_page, size) => page.read(1, size)),
					Infinity,
				)
			).length,
		).toBe(30);
		expect(page.pages.length).toBeLessThan(30);
	});

	test('ends where the total goes up and down for ever', async () => {
		let calls = 0;
		const connection = connect((page) => ({
			data: [{ id: page, output: [] }],
			pagination: { total: calls++ % 2 ? 10 : 100, last_page: 5 },
		}));
		expect((await listJobs(connection, Infinity)).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
		expect(calls).toBeLessThan(250);
	});

	test('has every job that was there all the time, once and in order, whatever changes', async () => {
		const change = fc.record({
			deleted: fc.array(fc.nat(200), { maxLength: 40 }),
			added: fc.integer({ min: 0, max: 40 }),
		});
		await fc.assert(
			fc.asyncProperty(
				fc.nat(150),
				fc.array(fc.option(change, { nil: undefined }), { maxLength: 8 }),
				async (count, changes) => {
					let newest = count;
					const staying = new Set(countDown(count, count));
					const changing = new ChangingList(
						countDown(count, count),
						changes.map((made) => (ids) => {
							for (const at of made?.deleted ?? []) {
								const [gone] = ids.splice(at, 1);
								if (gone !== undefined) staying.delete(gone);
							}
							for (let n = 0; n < (made?.added ?? 0); n++) ids.unshift(++newest);
						}),
					);
					const listed = await list(changing);
					expect(new Set(listed).size).toBe(listed.length);
					expect(listed.filter((id) => staying.has(id))).toEqual([...staying]);
				},
			),
		);
	});
});

test.each<[string, unknown, GeneratedJob[]]>([
	[
		'a link alone',
		{ id: 7, output: 'https://a.example/7.glb' },
		[{ id: 7, output: ['https://a.example/7.glb'] }],
	],
	['no links', { id: 7, output: null }, [{ id: 7, output: [] }]],
	['an ID as text', { id: ' 7 ', output: [] }, [{ id: '7', output: [] }]],
	['no ID', { output: ['https://a.example/7.glb'] }, [{ output: ['https://a.example/7.glb'] }]],
	['something else', 'job 7', []],
])('an entry with %s', async (_name, entry, jobs) => {
	const read = (page: number) => ({ data: page === 1 ? [entry] : [] });
	expect(await listJobs(connect(read), Infinity)).toEqual(jobs);
});
