/** Sends a flood of calls, and keeps what they were answered. */
import { Agent, request } from 'node:http';

import { kindOf, type ForgedCall, type KnownJobs } from './forged-calls.mts';

export interface FloodOptions {
	url: string;
	/** Calls in all; the numbers of the first one and of those that follow tell what they are. */
	calls: number;
	first?: number;
	/** Connections that are kept open, each of which sends its next call when it has the answer. */
	connections: number;
	known: KnownJobs;
	/** Go along with each call. */
	headers?: Record<string, string>;
	/** Is called when so many have been sent. Nothing waits for it. */
	onSent?: (sent: number) => void;
}

export interface Flooded {
	/** How often which status was answered, by the kind of the call. A call that got no answer has its error's code. */
	answers: Map<string, Map<number | string, number>>;
	/** Each different text that was answered. */
	texts: Set<string>;
	seconds: number;
}

/** Where the calls come from: n8n must be able to tell them from the service's. */
const STRANGER = '127.0.0.66';

/** Who does not get an answer for so long does not wait for it, ms. */
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
			// The server has just given up the connection because nothing came for five seconds: nobody has seen this call.
			if (call.reusedSocket && code === 'ECONNRESET') resolve(send(agent, url, forged));
			else resolve({ status: code ?? message, text: '' });
		});
		call.end(body);
	});
}

const withHeaders = (call: ForgedCall, headers?: Record<string, string>): ForgedCall => ({
	...call,
	headers: { ...call.headers, ...headers },
});

/** Sends a flood as fast as it is answered. */
export async function flood(options: FloodOptions): Promise<Flooded> {
	const { url, calls, first = 0, connections, known, headers, onSent } = options;
	const agent = new Agent({ keepAlive: true, maxSockets: connections, localAddress: STRANGER });
	const answers: Flooded['answers'] = new Map();
	const texts = new Set<string>();
	let sent = 0;
	const sender = async () => {
		while (sent < calls) {
			const n = first + sent++;
			onSent?.(sent);
			const kind = kindOf(n);
			const { status, text } = await send(agent, url, withHeaders(kind.make(n, known), headers));
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

/** How often which status was answered, in all. */
export function statuses(flooded: readonly Flooded[]): Map<number | string, number> {
	const sums = new Map<number | string, number>();
	for (const { answers } of flooded) {
		for (const counts of answers.values()) {
			for (const [status, count] of counts) sums.set(status, (sums.get(status) ?? 0) + count);
		}
	}
	return new Map([...sums].sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
}
