import axios from 'axios';

import { letClockMoveDuring, letClockMoveFor } from '../support/exchanges.mts';
import { getFrom, serve, type TestServer } from '../support/http.mts';
import { holdUpAndPause, LARGE, runLater, packed, makePicture, unpackHalf } from '../support/real-work.mts';
import { TestClock } from '../support/test-clock.mts';

/** Does the work during a sleep. @returns how far the clock had moved at the end of the work, ms */
async function gone(work: () => Promise<unknown>): Promise<number> {
	const start = clock.now();
	const slept = clock.sleep(1000);
	await work();
	const ms = clock.now() - start;
	await slept;
	expect(clock.now() - start).toBe(1000);
	return ms;
}

let clock: TestClock;
/** The servers that a test has opened. */
let opened: TestServer[];
beforeEach(() => {
	clock = new TestClock();
	opened = [];
});
afterEach(async () => {
	clock.stop();
	await Promise.all(opened.map(async (server) => await server.close()));
});

/** Starts a server for the test. @returns its address */
async function serverOf(listener: Parameters<typeof serve>[0]): Promise<string> {
	const server = await serve(listener);
	opened.push(server);
	return server.origin;
}

describe('the clock stands still while', () => {
	test('an answer is decompressed after its connection has closed', async () => {
		const origin = await serverOf((_request, response) => {
			response.writeHead(200, { 'content-encoding': 'gzip', connection: 'close' }).end(packed);
		});
		const ask = async () => expect((await axios.get<string>(origin)).data).toHaveLength(LARGE);
		expect(await gone(ask)).toBe(0);
	});

	test('an image is made', async () => {
		expect(await gone(makePicture)).toBe(0);
	});

	test('a short pause in real time lasts, even after the process was blocked', async () => {
		expect(await gone(holdUpAndPause)).toBe(0);
	});

	test('a server works, even for longer than the limit for a silent server', async () => {
		clock.patienceMs = 20;
		const origin = await serverOf((_request, response) => {
			void makePicture().then((made) => response.end(made));
		});
		expect(await gone(async () => await axios.get(origin))).toBe(0);
	});

	test('a server is called with fetch', async () => {
		const origin = await serverOf((_request, response) => {
			runLater(30, () => response.end('hello'));
		});
		const ask = async () => expect(await (await fetch(origin)).text()).toBe('hello');
		expect(await gone(ask)).toBe(0);
	});

	test('a call to a server that answers by the clock is on its way, or its answer is', async () => {
		let arrivedAt: number | undefined;
		const origin = await serverOf((request, response) => {
			request.once('end', () => {
				arrivedAt = clock.now();
				void clock.sleep(500).then(() => response.end(Buffer.alloc(LARGE)));
			});
			// Until then, most of the call waits in front of the server.
			runLater(60, () => request.resume());
		});
		const end = letClockMoveFor(origin);
		const start = clock.now();
		expect(await gone(async () => await axios.post(origin, Buffer.alloc(LARGE)))).toBe(500);
		expect(arrivedAt).toBe(start);
		end();
	});
});

describe('the clock moves while', () => {
	const pause = async () => await clock.sleep(900);

	test('a server is silent and has announced it', async () => {
		const origin = await serverOf((request) => letClockMoveDuring(request.socket));
		const asked = axios.get(origin).catch(() => undefined);
		expect(await gone(pause)).toBe(900);
		await Promise.all(opened.map(async (server) => await server.close()));
		await asked;
	});

	test('a server is silent for longer than the limit', async () => {
		clock.patienceMs = 20;
		const origin = await serverOf(() => undefined);
		void axios.get(origin).catch(() => undefined);
		expect(await gone(pause)).toBe(900);
	});

	test('servers that answer by the clock are called from the same port of two addresses', async () => {
		const origin = await serverOf((_request, response) => {
			void clock.sleep(500).then(() => response.end());
		});
		const end = letClockMoveFor(origin);
		const free = await serve(() => undefined);
		await free.close();
		const port = Number(new URL(free.origin).port);
		const start = clock.now();
		await Promise.all([getFrom('127.0.0.66', port, origin), getFrom('127.0.0.67', port, `${origin}/longer`)]);
		expect(clock.now() - start).toBe(500);
		end();
	}, 10_000);

	test('a half decompressed stream is dropped', async () => {
		unpackHalf();
		expect(await gone(pause)).toBe(900);
	});

	test('the clock of another test has been stopped', async () => {
		const other = new TestClock();
		void other.sleep(1000);
		other.stop();
		expect(await gone(pause)).toBe(900);
	});
});
