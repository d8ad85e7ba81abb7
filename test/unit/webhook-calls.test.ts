import fc from 'fast-check';
import type { IDataObject } from 'n8n-workflow';

import { isOtherSpelling, readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { hashEnd, REMEMBERED, SeenEnds } from '../../nodes/ImgTo3d/trigger/seen-ends';

const asIs = (text: string) => text;

describe('the body of a webhook call', () => {
	test('is read for a documented success', () => {
		const body = {
			status: 'success',
			id: 326,
			track_id: 'order-7',
			output: ['https://example.com/a.gif'],
			generationTime: 45.2,
			meta: {},
		};
		expect(readWebhookCall(JSON.stringify(body), asIs)).toEqual({
			outcome: 'success',
			id: 326,
			trackId: 'order-7',
			end: expect.objectContaining({
				state: 'success',
				job: { id: 326, output: body.output, generationTime: 45.2, meta: {}, extras: {} },
			}),
		});
	});

	test('is read for a documented failure', () => {
		const message = 'Processing failed: Invalid input dimensions';
		const body = { status: 'failed', id: 326, track_id: 'order-7', message };
		expect(readWebhookCall(JSON.stringify(body), asIs)).toEqual({
			outcome: 'failed',
			id: 326,
			trackId: 'order-7',
			end: expect.objectContaining({ state: 'failed', message }),
		});
	});

	test.each<[string | number, string | number, boolean]>([
		[326, 326, false],
		['326', 326, false],
		['0326', 326, true],
		['326-a', 326, true],
		['326_', '326', true],
		['0x146', 326, true],
		['326e0', 326, true],
		['JOB-A', 'job-a', true],
		['job-a', 'job-a', false],
		// Services have answered with an ID of the answer itself.
		[326, 99, false],
		['job-a', 99, false],
		['7f3a-b', '9c1d-e', false],
	])('with the ID %j is about the job %j in another spelling: %j', (id, answered, isOther) => {
		expect(isOtherSpelling(id, answered)).toBe(isOther);
	});

	test('is read for a success without a usable file, which only the API can report', () => {
		const call = readWebhookCall('{"status":"success","id":"a-1","output":[]}', asIs);
		expect(call).toEqual({ outcome: 'success', id: 'a-1' });
	});

	test.each([null, '', {}, ['a'], true, 'x'.repeat(10_001)])(
		'is read without a track ID that is not one (%j)',
		(track_id) => {
			const call = readWebhookCall(JSON.stringify({ status: 'failed', id: 1, track_id }), asIs);
			expect(call).toMatchObject({ id: 1 });
			expect(call).not.toHaveProperty('trackId');
		},
	);
});

describe('the memory of ends', () => {
	const restart = (staticData: IDataObject) => JSON.parse(JSON.stringify(staticData)) as IDataObject;

	test('keeps 5000 ends through a restart in 40 kB, and forgets the oldest', () => {
		const staticData: IDataObject = {};
		const seen = new SeenEnds();
		const hashes = Array.from({ length: REMEMBERED + 1000 }, (_, id) => hashEnd(id, 'success'));
		for (const hash of hashes) seen.add('t', staticData, hash);
		expect(JSON.stringify(staticData).length).toBeLessThanOrEqual(40_100);
		const [restarted, saved] = [new SeenEnds(), restart(staticData)];
		const known = hashes.map((hash) => restarted.has('t', saved, hash));
		expect(known.slice(0, 1000)).toEqual(Array(1000).fill(false));
		expect(known.slice(1000)).toEqual(Array(REMEMBERED).fill(true));
	});

	test('distinguishes the success and the failure of a job', () => {
		expect(hashEnd(1, 'success')).not.toBe(hashEnd(1, 'failed'));
		expect(hashEnd(1, 'success')).toBe(hashEnd('1', 'success'));
	});

	test('is separate for each trigger', () => {
		const seen = new SeenEnds();
		seen.add('a', {}, hashEnd(1, 'success'));
		expect(seen.has('b', {}, hashEnd(1, 'success'))).toBe(false);
	});

	test.each([5, null, 'odd', ['x'], {}])('begins empty if the static data holds %j', (odd) => {
		const staticData = { seen: odd } as IDataObject;
		const seen = new SeenEnds();
		seen.add('t', staticData, hashEnd(1, 'success'));
		expect(new SeenEnds().has('t', restart(staticData), hashEnd(1, 'success'))).toBe(true);
	});

	test('forgets nothing, whichever copies n8n gives to the calls, in whichever order it saves them, and whenever it restarts', () => {
		const step = fc.oneof(
			{ weight: 8, arbitrary: fc.record({ id: fc.nat(30), copy: fc.nat(3) }) },
			{ weight: 1, arbitrary: fc.constant('restart' as const) },
		);
		fc.assert(
			fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
				let saved: IDataObject = {};
				let seen = new SeenEnds();
				// The copies that earlier calls were given.
				const copies: IDataObject[] = [];
				const started = new Set<number>();
				for (const one of steps) {
					if (one === 'restart') {
						seen = new SeenEnds();
						copies.length = 0;
						continue;
					}
					copies.unshift(restart(saved));
					const copy = copies[Math.min(one.copy, copies.length - 1)] as IDataObject;
					const hash = hashEnd(one.id, 'success');
					expect(seen.has('t', copy, hash)).toBe(started.has(one.id));
					if (started.has(one.id)) continue;
					seen.add('t', copy, hash);
					started.add(one.id);
					saved = restart(copy);
				}
			}),
		);
	});
});
