/** Follows the HTTP exchanges of this process from the start of a request until its answer has been read. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Servers (host:port) that go by the clock while they answer. Requests to them must not hold the clock. */
const waiting = new Set<string>();

interface Exchange {
	request: ClientRequest;
	answer?: IncomingMessage;
	/** The server's side of the connection, once the request has arrived. */
	server?: Socket;
	/** Whether the server goes by the clock, or does not answer. Then only data on its way holds the clock. */
	isReleased: boolean;
}

const exchanges = new Set<Exchange>();
/** Requests of `fetch`, which have their own channels. */
const fetches = new Set<unknown>();
let begun = 0;

/**
 * Lets the clock move while this server answers.
 *
 * @returns undoes it. Call it when the server closes, because the next server can get its port. If the clock leaps while the stand-in
 *   answers, calls run into their time limits.
 */
export function letClockMoveFor(origin: string): () => void {
	const { host } = new URL(origin);
	waiting.add(host);
	return () => waiting.delete(host);
}

/**
 * Lets the clock move although a request is not answered. A server that does not answer, or answers by the clock, calls it with its side
 * of the connection.
 */
export function letClockMoveDuring(server: Socket): void {
	for (const exchange of exchanges) {
		if (isSameConnection(exchange.request.socket, server)) exchange.isReleased = true;
	}
}

/** Lets the clock move although the open requests are not answered, after it has waited long enough for them. */
export function letClockMoveDuringAll(): void {
	for (const exchange of exchanges) exchange.isReleased = true;
}

/** Whether these are the two sides of a connection. Clients at different addresses may have the same port. */
function isSameConnection(client: Socket | null, server: Socket): boolean {
	// A server that listens on all addresses gets IPv4 addresses as IPv6 ones.
	const unmap = (address = '') => address.replace(/^::ffff:/, '');
	return (
		client?.localPort !== undefined &&
		client.localPort === server.remotePort &&
		client.remotePort === server.localPort &&
		unmap(client.localAddress) === unmap(server.remoteAddress)
	);
}

/** Whether the server or the client still has to read what the other one has written. Both are in this process. */
function isOnTheWay({ request: { socket: client }, server }: Exchange): boolean {
	if (!client || !server || server.destroyed) return true;
	return client.bytesWritten !== server.bytesRead || server.bytesWritten !== client.bytesRead;
}

/** Whether a request must be answered, or an answer read, before the clock moves. */
export function isExchanging(): boolean {
	return fetches.size > 0 || [...exchanges].some((exchange) => !exchange.isReleased || isOnTheWay(exchange));
}

/** @returns a number that changes with the progress of any exchange */
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
			// A connection that closes after its answer can close before the answer has been read.
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
			if (isSameConnection(exchange.request.socket, socket)) exchange.server = socket;
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
// The channels outlive the test file, and this module is loaded again for the next one.
afterAll(() => {
	for (const [name, listener] of Object.entries(channels)) unsubscribe(name, listener as never);
});
