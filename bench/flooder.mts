/** Sends a flood of calls, and counts the answers. */
import { Agent, request } from 'node:http';

import { chooseKind, type ForgedCall, type KnownJobs } from './forged-calls.mts';

export interface FloodOptions {
	url: string;
	/** The number of calls. */
	calls: number;
	/** The number of the first call. The number of a call decides its kind. Default: 0. */
	first?: number;
	/** Open connections. Each sends its next call when it has the answer. */
	connections: number;
	known: KnownJobs;
	/** Headers of each call. */
	headers?: Record<string, string>;
	/** Called with the number of calls so far, before each call. Nothing waits for it. */
	onSent?: (sent: number) => void;
}

export interface FloodResult {
	/** How often each status was answered, by the kind of the call. A call without an answer has the code of its error. */
	answers: Map<string, Map<number | string, number>>;
	/** The different texts of the answers. */
	texts: Set<string>;
	seconds: number;
}

/** The address of the callers. It differs from the service's. */
const STRANGER = '127.0.0.66';

/** How long a caller waits for an answer, ms. */
const PATIENCE_MS = 120_000;

interface Reply {
	status: number | string;
	text: string;
}

async function send(agent: Agent, url: string, forged: ForgedCall): Promise<Reply> {
	const { headers = {}, body } = forged;
	return await new Promise((resolve) => {
		const call = request(url, {
			method: 'POST',
			agent,
			headers: { ...headers, 'content-length': Buffer.byteLength(body) },
			timeout: PATIENCE_MS,
		});
		call.on('response', (response) => {
			let text = '';
			response.setEncoding('utf8');
			response.on('data', (part: string) => (text += part));
			response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
		});
		call.once('timeout', () => call.destroy(Object.assign(new Error('No answer.'), { code: 'no answer' })));
		call.once('error', ({ code, message }: NodeJS.ErrnoException) => {
			// The server has closed the connection because it was idle for five seconds. It has not received this call.
			if (call.reusedSocket && code === 'ECONNRESET') resolve(send(agent, url, forged));
			else resolve({ status: code ?? message, text: '' });
		});
		call.end(body);
	});
}

const addHeaders = (call: ForgedCall, headers?: Record<string, string>): ForgedCall => ({
	...call,
	headers: { ...call.headers, ...headers },
});

/** Sends a flood as fast as it is answered. */
export async function sendFlood(options: FloodOptions): Promise<FloodResult> {
	const { url, calls, first = 0, connections, known, headers, onSent } = options;
	const agent = new Agent({ keepAlive: true, maxSockets: connections, localAddress: STRANGER });
	const answers: FloodResult['answers'] = new Map();
	const texts = new Set<string>();
	let sent = 0;
	const sender = async () => {
		while (sent < calls) {
			const n = first + sent++;
			onSent?.(sent);
			const kind = chooseKind(n);
			const { status, text } = await send(agent, url, addHeaders(kind.make(n, known), headers));
			const counts = answers.get(kind.name) ?? new Map<number | string, number>();
			answers.set(kind.name, counts.set(status, (counts.get(status) ?? 0) + 1));
			texts.add(text);
		}
	};
	const started = performance.now();
	await Promise.all(Array.from({ length: connections }, sender));
	const seconds = (performance.now() - started) / 1000;
	agent.destroy();
	return { answers, texts, seconds };
}

/** Counts how often each status was answered, in all. */
export function countStatuses(flooded: readonly FloodResult[]): Map<number | string, number> {
	const sums = new Map<number | string, number>();
	for (const { answers } of flooded) {
		for (const counts of answers.values()) {
			for (const [status, count] of counts) sums.set(status, (sums.get(status) ?? 0) + count);
		}
	}
	return new Map([...sums].sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
}
