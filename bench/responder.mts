/** The servers that the measured process calls. They cost almost nothing, so that the caller is measured. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IDataObject } from 'n8n-workflow';

import { startLocalApi } from '../local-api/index.mts';
import { countBytes, makeRepeatedFile } from './repeated-files.mts';

export interface Responder {
	/** http://127.0.0.1:PORT */
	origin: string;
	/** The number of requests so far. */
	countAnswered(): number;
	stop(): Promise<void>;
}

/** Receives submits. */
export interface SubmitResponder extends Responder {
	/** The JSON of the latest submit. */
	readLatestBody(): IDataObject;
}

/** A server on 127.0.0.1. */
async function serve(answer: RequestListener): Promise<Responder> {
	let answered = 0;
	const server = createServer((request, response) => {
		answered += 1;
		answer(request, response);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		countAnswered: () => answered,
		stop: async () => {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		},
	};
}

/** @returns the stand-in's answer to a submit whose job ends at once */
export async function describeEndedJob(): Promise<IDataObject> {
	const api = await startLocalApi({ jobSeconds: 0 });
	try {
		const response = await fetch(`${api.baseUrl}/v3/txt_to_3d`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ key: 'bench', prompt: 'a red cupcake' }),
		});
		return (await response.json()) as IDataObject;
	} finally {
		await api.stop();
	}
}

/**
 * Answers each submit at once, as the stand-in does for a job that has ended, with an ID of its own. The stand-in itself would read and
 * check the image, and the callers would wait for it.
 *
 * @param outputs the outputs of a job, by its number from 0. Default: those in the stand-in's answer.
 */
export async function startResponder(outputs?: (job: number) => string[]): Promise<SubmitResponder> {
	const answer = await describeEndedJob();
	const firstId = Number(answer.id);
	let jobs = 0;
	let latest: Buffer[] = [];
	const server = await serve((request, response) => {
		const pieces: Buffer[] = [];
		request.on('data', (piece: Buffer) => pieces.push(piece));
		request.once('end', () => {
			latest = pieces;
			const job = jobs++;
			const body = JSON.stringify({
				...answer,
				id: firstId + job,
				...(outputs && { output: outputs(job) }),
			});
			response
				.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
				.end(body);
		});
	});
	return {
		...server,
		readLatestBody: () => JSON.parse(Buffer.concat(latest).toString()) as IDataObject,
	};
}

/** Serves the files that can be repeated, at about `?bytes=`. They are made while they are sent, so this process never holds them. */
export async function startFileServer(): Promise<Responder> {
	return await serve((request, response) => {
		const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
		const file = makeRepeatedFile(pathname.slice(1), Number(searchParams.get('bytes')));
		if (!file) {
			response.writeHead(404).end();
			return;
		}
		response.writeHead(200, { 'content-length': countBytes(file) });
		response.write(file.start);
		let left = file.count;
		const send = () => {
			while (left > 0) {
				left -= 1;
				if (!response.write(file.part) && left > 0) {
					response.once('drain', send);
					return;
				}
			}
			response.end(file.end);
		};
		send();
	});
}
