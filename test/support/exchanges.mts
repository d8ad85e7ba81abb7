/** The HTTP exchanges of this process, followed from the start of a request until its answer has been read. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Servers, as host:port, that go by the clock while they answer, so that requests to them must not hold it. */
const waiting = new Set<string>();

interface Exchange {
	request: ClientRequest;
	answer?: IncomingMessage;
	/** The server's end of the connection, once the request has arrived there. */
	server?: Socket;
	/** Whether the server goes by the clock, or keeps silent: then only what is on its way holds the clock. */
	isReleased: boolean;
}

const exchanges = new Set<Exchange>();
/** Requests of `fetch`, which are on channels of their own. */
const fetches = new Set<unknown>();
let begun = 0;

/**
 * From now on the clock moves on while this server answers.
 *
 * @returns ends that: to be called when the server closes, since the next one may be given its port, and a clock
 *   that jumps while the stand-in service answers lets calls run into their time limits
 */
export function letClockMoveFor(origin: string): () => void {
	const { host } = new URL(origin);
	waiting.add(host);
	return () => waiting.delete(host);
}

/**
 * From now on the clock moves on although this request is not answered: a server calls it that keeps silent, or
 * answers by the clock, with the port that the request came from.
 */
export function letClockMoveDuring(clientPort: number): void {
	for (const exchange of exchanges) {
		if (exchange.request.socket?.localPort === clientPort) exchange.isReleased = true;
	}
}

/** Whether the server has yet to get, or the client to read, what the other one has written. Both are this process. */
function isOnTheWay({ request: { socket: client }, server }: Exchange): boolean {
	if (!client || !server || server.destroyed) return true;
	return client.bytesWritten !== server.bytesRead || server.bytesWritten !== client.bytesRead;
}

/** Whether a request has to be answered, or an answer to be read, before the clock moves. */
export function isExchanging(): boolean {
	return fetches.size > 0 || [...exchanges].some((exchange) => !exchange.isReleased || isOnTheWay(exchange));
}

/** A number that is another one as soon as any exchange has got on. */
export function countProgress(): number {
	return [...exchanges].reduce(
		(sum, { request: { socket } }) => sum + (socket?.bytesRead ?? 0) + (socket?.bytesWritten ?? 0),
		begun,
	);
}

const channels: Record<string, (message: never) => void> = {
	'http.client.request.start': ({ request }: { request: ClientRequest }) => {
		const isReleased = waiting.has(String(request.getHeader('host')));
		const exchange: Exchange = { request, isReleased };
		exchanges.add(exchange);
		begun += 1;
		request.once('close', () => {
			// A connection that is closed behind its answer is gone before the answer has been read.
			const { answer } = exchange;
			if (!answer || answer.readableEnded || answer.destroyed) {
				exchanges.delete(exchange);
				return;
			}
			exchange.isReleased = false;
			for (const event of ['end', 'close']) answer.once(event, () => exchanges.delete(exchange));
		});
	},
	'http.client.response.finish': ({ request, response }: Record<'request' | 'response', never>) => {
		for (const exchange of exchanges) if (exchange.request === request) exchange.answer = response;
	},
	'http.server.request.start': ({ socket }: { socket: Socket }) => {
		for (const exchange of exchanges) {
			const { socket: client } = exchange.request;
			if (client?.localPort === socket.remotePort && client?.remotePort === socket.localPort) {
				exchange.server = socket;
			}
		}
	},
	'undici:request:create': ({ request }: { request: unknown }) => {
		fetches.add(request);
		begun += 1;
	},
	'undici:request:trailers': ({ request }: { request: unknown }) => fetches.delete(request),
	'undici:request:error': ({ request }: { request: unknown }) => fetches.delete(request),
};
for (const [name, listener] of Object.entries(channels)) subscribe(name, listener as never);
// The channels outlive the test file, and this module is loaded anew for the next one.
afterAll(() => {
	for (const [name, listener] of Object.entries(channels)) unsubscribe(name, listener as never);
});
