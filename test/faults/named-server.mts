/** Servers with host names, for the fault proxy. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { patchDns } from '../support/dns.cjs';

/** The host names of proxies, for the clients of the proxies. */
export interface Names {
	/** Makes a name resolve to this machine, or to nothing. */
	set(name: string, isThere: boolean): void;
	forget(name: string): void;
	/** Reserves a port that no other server gets while the proxy is closed. Default: any port. */
	reservePort?(): Promise<number>;
}

/** Names that resolve to this machine, or to nothing, while there is a proxy. */
const names = new Map<string, boolean>();
let unpatchDns: (() => void) | undefined;

function resolveName(hostname: string): string | null | undefined {
	const isThere = names.get(hostname);
	if (isThere === undefined) return undefined;
	return isThere ? '127.0.0.1' : null;
}

export const processNames: Names = {
	set(name, isThere) {
		names.set(name, isThere);
		unpatchDns ??= patchDns(resolveName);
	},
	forget(name) {
		names.delete(name);
		if (names.size > 0) return;
		unpatchDns?.();
		unpatchDns = undefined;
	},
};

export type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A server with a host name. It can be closed and opened again. */
export class NamedServer {
	private server?: Server;
	private port = 0;

	constructor(
		private readonly name: string,
		private readonly names: Names,
		private readonly listener: Listener,
	) {
		names.set(name, true);
	}

	get origin(): string {
		return `http://${this.name}:${this.port}`;
	}

	async open(): Promise<void> {
		if (this.port === 0) this.port = (await this.names.reservePort?.()) ?? 0;
		const server = createServer((request, response) => {
			this.listener(request, response).catch(() => response.destroy());
		});
		await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
		this.port = (server.address() as AddressInfo).port;
		this.server = server;
	}

	async close(): Promise<void> {
		const { server } = this;
		this.server = undefined;
		server?.closeAllConnections();
		await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
	}

	/** Makes its name resolve, or not. */
	setName(isThere: boolean): void {
		this.names.set(this.name, isThere);
	}

	forget(): void {
		this.names.forget(this.name);
	}
}
