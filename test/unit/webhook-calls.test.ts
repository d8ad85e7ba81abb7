import fc from 'fast-check';
import type { IDataObject } from 'n8n-workflow';

import { isOtherSpelling, readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { hashEnd, REMEMBERED, SeenEnds } from '../../nodes/ImgTo3d/trigger/seen-ends';

const asIs = (text: string) => text;

describe('reading a call', () => {
	test('a documented success', () => {
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

	test('a documented failure', () => {
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
		// Services have been seen to answer with an ID of their own for the answer.
		[326, 99, false],
		['job-a', 99, false],
		['7f3a-b', '9c1d-e', false],
	])('the ID %j is %j in another spelling: %j', (id, answered, isSo) => {
		expect(isOtherSpelling(id, answered)).toBe(isSo);
	});

	test('a success that names no usable file is one for the API to tell about', () => {
		const call = readWebhookCall('{"status":"success","id":"a-1","output":[]}', asIs);
		expect(call).toEqual({ outcome: 'success', id: 'a-1' });
	});

	test.each([null, '', {}, ['a'], true, 'x'.repeat(10_001)])(
		'a track ID that is none (%j) is left out',
		(track_id) => {
			const call = readWebhookCall(JSON.stringify({ status: 'failed', id: 1, track_id }), asIs);
			expect(call).toMatchObject({ id: 1 });
			expect(call).not.toHaveProperty('trackId');
		},
	);
});

describe('remembering jobs', () => {
	const restarted = (staticData: IDataObject) => JSON.parse(JSON.stringify(staticData)) as IDataObject;

	test('thousands are known again after a restart, in 40 kB; then the oldest are forgotten', () => {
		const staticData: IDataObject = {};
		const seen = new SeenEnds();
		const marks = Array.from({ length: REMEMBERED + 1000 }, (_, id) => hashEnd(id, 'success'));
		for (const mark of marks) seen.add('t', staticData, mark);
		expect(JSON.stringify(staticData).length).toBeLessThanOrEqual(40_100);
		const known = marks.map((mark) => new SeenEnds().has('t', restarted(staticData), mark));
		expect(known.slice(0, 1000)).toEqual(Array(1000).fill(false));
		expect(known.slice(1000)).toEqual(Array(REMEMBERED).fill(true));
	});

	test('the success and the failure of a job are two ends', () => {
		expect(hashEnd(1, 'success')).not.toBe(hashEnd(1, 'failed'));
		expect(hashEnd(1, 'success')).toBe(hashEnd('1', 'success'));
	});

	test('one trigger does not know what another has seen', () => {
		const seen = new SeenEnds();
		seen.add('a', {}, hashEnd(1, 'success'));
		expect(seen.has('b', {}, hashEnd(1, 'success'))).toBe(false);
	});

	test.each([5, null, 'odd', ['x'], {}])('what is no memory (%j) is none', (odd) => {
		const staticData = { seen: odd } as IDataObject;
		const seen = new SeenEnds();
		seen.add('t', staticData, hashEnd(1, 'success'));
		expect(new SeenEnds().has('t', restarted(staticData), hashEnd(1, 'success'))).toBe(true);
	});

	test('nothing is forgotten, whatever copies the calls are given, in which order they are saved, and when n8n restarts', () => {
		const step = fc.oneof(
			{ weight: 8, arbitrary: fc.record({ id: fc.nat(30), copy: fc.nat(3) }) },
			{ weight: 1, arbitrary: fc.constant('restart' as const) },
		);
		fc.assert(
			fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
				let saved: IDataObject = {};
				let seen = new SeenEnds();
				// What calls that came before were given.
				const copies: IDataObject[] = [];
				const started = new Set<number>();
				for (const one of steps) {
					if (one === 'restart') {
						seen = new SeenEnds();
						copies.length = 0;
						continue;
					}
					copies.unshift(restarted(saved));
					const copy = copies[Math.min(one.copy, copies.length - 1)] as IDataObject;
					const mark = hashEnd(one.id, 'success');
					expect(seen.has('t', copy, mark)).toBe(started.has(one.id));
					if (started.has(one.id)) continue;
					seen.add('t', copy, mark);
					started.add(one.id);
					saved = restarted(copy);
				}
			}),
		);
	});
});
