import { SimulatedClock } from '../../bench/simulated.mts';
import type { AccountAnswer } from '../../nodes/ImgTo3d/api/account-calls';
import type { Limit } from '../../nodes/ImgTo3d/api/judge';
import type { Service } from '../../nodes/ImgTo3d/api/service';
import { SubmitGate } from '../../nodes/ImgTo3d/jobs/submit-gate';
import { Account } from '../../nodes/ImgTo3d/polling/account';
import { SubmitRoom } from '../../nodes/ImgTo3d/polling/submit-room';

const refusal = (retryAfterSeconds?: number, queueLimit?: number, reason: Limit['reason'] = 'queueFull') =>
	({
		...{ state: 'refused', httpCode: 429, reason, message: '' },
		...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
		...(queueLimit !== undefined && { queueLimit }),
	}) as Limit;

/** A submit that is never answered. */
const never = async () => await new Promise<void>(() => {});

/** Sends a submit that is answered at once. */
async function submit(room: SubmitRoom, now: number, answer: 'accepted' | Limit, open = 1): Promise<void> {
	await room.countSubmit(now, async () => {
		if (answer === 'accepted') room.noteAccepted(now, open);
		else room.noteRefused(answer, now);
		return await Promise.resolve();
	});
}

const mayStart = (room: SubmitRoom, now: number, open = 0) => room.getNextSubmit(now, open) <= now;

describe('before a refusal, there is room', () => {
	test('for one submit, not counting those whose answer takes long', () => {
		const room = new SubmitRoom();
		void room.countSubmit(0, never);
		expect(room.getNextSubmit(0, 0)).toBe(5000);
		expect(mayStart(room, 5000)).toBe(true);
	});

	test('for as many submits at once as the service has accepted', async () => {
		const room = new SubmitRoom();
		for (let sent = 0; sent < 3; sent++) await submit(room, 0, 'accepted');
		for (let sent = 0; sent < 2; sent++) void room.countSubmit(0, never);
		expect(mayStart(room, 0)).toBe(true);
		void room.countSubmit(0, never);
		expect(mayStart(room, 0)).toBe(false);
	});

	test('for what the limit leaves beside open jobs and submits in the air, for an hour', async () => {
		const room = new SubmitRoom();
		await submit(room, 0, refusal(1, 3));
		expect(mayStart(room, 10_000, 2)).toBe(true);
		expect(mayStart(room, 10_000, 3)).toBe(false);
		expect(room.getLimit(3_599_999)).toBe(3);
		expect(room.getLimit(3_600_000)).toBeUndefined();
	});
});

describe('after a refusal', () => {
	test.each([
		['the time that the service asked for', refusal(30), 30_000],
		['10 s if it named none', refusal(), 10_000],
		['a second at least', refusal(0), 1000],
	])('a submit waits for %s', async (_name, answer, ms) => {
		const room = new SubmitRoom();
		await submit(room, 0, answer);
		expect(room.getNextSubmit(0, 0)).toBe(ms);
		expect(mayStart(room, ms - 1)).toBe(false);
		expect(mayStart(room, ms)).toBe(true);
	});

	test('a job that ends leaves its slot to one submit, also while another one is in the air', async () => {
		const room = new SubmitRoom();
		await submit(room, 0, refusal(30, 5));
		room.noteEnded(1000);
		room.noteEnded(1000);
		void room.countSubmit(1000, never);
		expect(mayStart(room, 1000, 2)).toBe(true);
		void room.countSubmit(1000, never);
		expect(mayStart(room, 1000, 2)).toBe(false);
	});

	test('a slot that was taken by another client is not tried again', async () => {
		const room = new SubmitRoom();
		await submit(room, 0, refusal(30, 5));
		room.noteEnded(1000);
		room.noteEnded(1000);
		await submit(room, 1000, refusal(30, 5));
		expect(room.getNextSubmit(1000, 0)).toBe(31_000);
	});

	test('because the calls came too fast, no slot shortens the pause', async () => {
		const room = new SubmitRoom();
		await submit(room, 0, refusal(90, undefined, 'rateLimit'));
		room.noteEnded(1000);
		room.noteCount(0, 1000, 0);
		expect(room.getNextSubmit(1000, 0)).toBe(90_000);
		expect(room.getNextCount(80_000)).toBe(Infinity);
	});

	test('submits are tried one at a time', async () => {
		const room = new SubmitRoom();
		await submit(room, 0, refusal(30, 5));
		void room.countSubmit(30_000, never);
		expect(mayStart(room, 30_000)).toBe(false);
		expect(mayStart(room, 35_000)).toBe(true);
	});

	test('each further one in a row makes the pause longer, until a submit is accepted', async () => {
		const room = new SubmitRoom();
		const pauses: number[] = [];
		let now = 0;
		for (let refused = 0; refused < 7; refused++) {
			await submit(room, now, refusal(10));
			pauses.push((room.getNextSubmit(now, 0) - now) / 1000);
			now = room.getNextSubmit(now, 0);
		}
		expect(pauses).toEqual([10, 11, 12, 13, 14, 14, 14]);
		await submit(room, now, 'accepted');
		await submit(room, now, refusal(10));
		expect(room.getNextSubmit(now, 0) - now).toBe(11_000);
	});
});

describe('the requests are counted', () => {
	const create = async (random = 0.5) => {
		const room = new SubmitRoom(() => random);
		await submit(room, 0, refusal(600, 5));
		return room;
	};

	test('only while the service refuses more, and no slot is known to be free', async () => {
		const room = await create();
		expect(room.getNextCount(0)).toBe(2000);
		room.noteCount(4, 2000, 0);
		expect(room.getNextCount(2000)).toBe(Infinity);
		await submit(room, 2000, refusal(600, 5));
		expect(room.getNextCount(2000)).toBe(4000);
		expect(room.getNextCount(603_000)).toBe(Infinity);
	});

	test.each([
		[0, 1500],
		[0.5, 2000],
		[1, 2500],
	])('not by all processes at the same moment: %d', async (random, at) => {
		expect((await create(random)).getNextCount(0)).toBe(at);
	});

	test('and leave as many slots as the limit allows, one submit at a time', async () => {
		const room = await create();
		room.noteCount(3, 2000, 0);
		expect(mayStart(room, 2000)).toBe(true);
		void room.countSubmit(2000, never);
		expect(mayStart(room, 2000)).toBe(false);
		expect(mayStart(room, 7000)).toBe(true);
		void room.countSubmit(7000, never);
		expect(mayStart(room, 60_000)).toBe(false);
	});

	test('and no slot twice: those that jobs of the process have left are taken by its own submits', async () => {
		const room = await create();
		void room.countSubmit(1000, never);
		room.noteCountBegun();
		room.noteEnded(2000);
		room.noteEnded(2000);
		void room.countSubmit(2000, never);
		room.noteCount(2, 2000, 0);
		void room.countSubmit(8000, never);
		expect(room.getNextSubmit(8000, 0)).toBe(600_000);
	});

	test('and no slot twice whose job is known to have ended only later', async () => {
		const room = await create();
		room.noteCount(4, 2000, 1);
		room.noteEnded(3000);
		void room.countSubmit(3000, never);
		expect(room.getNextSubmit(9000, 0)).toBe(600_000);
	});

	test('against the most that was counted if the service names no limit', async () => {
		const room = new SubmitRoom(() => 0.5);
		await submit(room, 0, refusal(600));
		room.noteCount(7, 2000, 0);
		expect(mayStart(room, 2000)).toBe(false);
		room.noteCount(6, 4000, 0);
		expect(mayStart(room, 4000)).toBe(true);
	});

	test('more rarely by a process with open jobs, and the longer a submit waits', async () => {
		const room = await create();
		room.noteCount(5, 2000, 1);
		expect(room.getNextCount(2000)).toBe(6000);
		room.noteCount(5, 100_000, 0);
		expect(room.getNextCount(100_000)).toBe(110_000);
	});

	test('again when a job ends of a process with many slots', async () => {
		const room = new SubmitRoom(() => 0.5);
		await submit(room, 0, 'accepted', 3);
		await submit(room, 0, refusal(600, 5));
		room.noteCount(5, 1000, 3);
		room.noteEnded(1500);
		void room.countSubmit(1500, never);
		expect(room.getNextCount(1500)).toBe(2000);
	});

	test('less and less often while others count too often, and not before the service wants', async () => {
		const room = await create();
		room.counts.noteFailed(2000, 0);
		expect(room.getNextCount(2000)).toBe(6000);
		room.counts.noteFailed(6000, 50_000);
		expect(room.getNextCount(6000)).toBe(56_000);
	});

	test.each([
		['the service does not count them', (room: SubmitRoom) => room.counts.giveUp(2000)],
		[
			'three submits in a row were refused although the count had shown a free slot',
			async (room: SubmitRoom) => {
				for (let tried = 0; tried < 3; tried++) {
					room.noteCount(0, 2000, 0);
					await submit(room, 2000, refusal(900, 5));
				}
			},
		],
	])('no more for ten minutes if %s', async (_name, happen) => {
		const room = await create();
		await happen(room);
		expect(room.getNextCount(3000)).toBeGreaterThanOrEqual(602_000);
	});
});

describe('a submit that waits at the gate', () => {
	const openGate = (answer: AccountAnswer) => {
		const clock = new SimulatedClock();
		const account = new Account(() => 0.5);
		const service = { callAccount: async () => await Promise.resolve(answer) } as unknown as Service;
		const gate = new SubmitGate({ clock, service, signal: new AbortController().signal }, account);
		account.room.noteRefused(refusal(600, 5), 0);
		const open = async () => {
			for (let ms = gate.getClosedMs(Infinity); ms > 0; ms = gate.getClosedMs(Infinity)) await gate.wait(ms);
		};
		return { clock, account, gate, open };
	};

	test('goes at once when a job of the process ends', async () => {
		const { clock, gate, open } = openGate({ state: 'answered', body: { processing_count: 5 } });
		const opened = open();
		gate.noteEnded();
		await clock.run(opened);
		expect(clock.now()).toBe(0);
	});

	test.each([
		['the count shows a free slot', { state: 'answered', body: { processing_count: 4 } }, 2000],
		[
			'its pause is over, if the count shows none',
			{ state: 'answered', body: { processing_count: 5 } },
			600_000,
		],
		['its pause is over, if there is no count', { state: 'answered', body: {} }, 600_000],
		[
			'its pause is over, if the count fails',
			{ state: 'unanswered', reason: 'timeout', detail: '' },
			600_000,
		],
	] as const)('goes when %s', async (_name, answer, at) => {
		const { clock, open } = openGate(answer);
		await clock.run(open());
		expect(clock.now()).toBe(at);
	});
});
