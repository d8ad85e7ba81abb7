import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { FastifyReply } from 'fastify';

import type { Fault } from './faults.mts';
import { toJson } from './job-ids.mts';

/** A complete HTTP answer, before any fault spoils it. */
export interface Answer {
	status: number;
	contentType: string;
	body: Buffer;
	/** The body's JSON, where it is JSON: what an `edit` fault changes. */
	json?: Json;
}

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function jsonAnswer(json: Json, status = 200): Answer {
	return { status, contentType: 'application/json', body: Buffer.from(toJson(json)), json };
}

/** An error as the service words it, by default with its HTTP 200. */
export function errorAnswer(message: unknown, status = 200, more: Json = {}): Answer {
	return jsonAnswer({ status: 'error', message, ...more }, status);
}

/** About a job that the service does not know, or not yet: as clients have recorded it. */
export function notFoundAnswer(): Answer {
	return jsonAnswer({
		status: 'failed',
		id: '',
		message: 'Request not found',
		output: '',
		tip: 'Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise',
	});
}

export function fileAnswer(body: Buffer, contentType: string): Answer {
	return { status: 200, contentType, body };
}

/** An HTML page, as a web server in front of an API would send it. */
export function pageAnswer(status: number): Answer {
	const title = `${status} ${STATUS_CODES[status] ?? ''}`;
	const page = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
	return { status, contentType: 'text/html; charset=utf-8', body: Buffer.from(page) };
}

/** On every answer, the spoilt ones too. */
export const STAND_IN_HEADER = { 'x-stand-in': "not the service's model" };

/** Between the half of an answer and the reset: long enough for the half to arrive. */
const RESET_DELAY = 30;
const DRIP_INTERVAL = 100;

function headersOf(answer: Answer): Record<string, string> {
	return {
		...STAND_IN_HEADER,
		'content-type': answer.contentType,
		'content-length': String(answer.body.length),
	};
}

export function send(reply: FastifyReply, answer: Answer): void {
	void reply.code(answer.status).headers(headersOf(answer)).send(answer.body);
}

function drip(reply: FastifyReply, answer: Answer, bytesPerSecond: number): void {
	const { raw } = reply;
	raw.writeHead(answer.status, headersOf(answer));
	raw.flushHeaders();
	const started = Date.now();
	let sent = 0;
	const timer = setInterval(() => {
		const due = Math.min(Math.floor(((Date.now() - started) / 1000) * bytesPerSecond), answer.body.length);
		if (due > sent) raw.write(answer.body.subarray(sent, due));
		sent = due;
		if (sent < answer.body.length) return;
		clearInterval(timer);
		raw.end();
	}, DRIP_INTERVAL);
	raw.once('close', () => clearInterval(timer));
}

const MEGABYTE = 1024 * 1024;

/** A JSON text of so many bytes, in pieces. */
function* longJson(bytes: number): Generator<string> {
	const [start, end] = ['{"status":"success","output":["', '"]}'];
	const piece = 'x'.repeat(64 * 1024);
	yield start;
	for (let left = bytes - start.length - end.length; left > 0; left -= piece.length) {
		yield piece.slice(0, left);
	}
	yield end;
}

async function flood(reply: FastifyReply, megabytes: number): Promise<void> {
	reply.raw.writeHead(200, { ...STAND_IN_HEADER, 'content-type': 'application/json' });
	// A client that has had enough hangs up.
	await pipeline(Readable.from(longJson(megabytes * MEGABYTE)), reply.raw).catch(() => undefined);
}

function half(body: Buffer): Buffer {
	return body.subarray(0, Math.floor(body.length / 2));
}

function sendHalf(reply: FastifyReply, answer: Answer, then: () => void): void {
	reply.raw.writeHead(answer.status, headersOf(answer));
	reply.raw.write(half(answer.body), then);
}

/** As if the half were all of it. */
function sendHalfSilently(reply: FastifyReply, answer: Answer): void {
	reply.raw.writeHead(answer.status, { ...STAND_IN_HEADER, 'content-type': answer.contentType });
	reply.raw.write(half(answer.body));
	reply.raw.end();
}

const BYTE_ORDER_MARK = '\uFEFF';

export function withByteOrderMark(text: Buffer): Buffer {
	return Buffer.concat([Buffer.from(BYTE_ORDER_MARK), text]);
}

/** The answer of a fault that changes the right one, or puts another in its place; undefined when it spoils it on the wire. */
function otherAnswer(right: Answer, fault: Fault['do']): Answer | undefined {
	switch (fault.kind) {
		case 'edit':
			return right.json ? jsonAnswer(fault.edit(structuredClone(right.json)), right.status) : right;
		case 'code':
			return { ...right, status: fault.status };
		case 'byteOrderMark':
			return right.json ? { ...right, body: withByteOrderMark(right.body) } : right;
		case 'failJob':
			return right;
		case 'notFound':
			return notFoundAnswer();
		case 'late':
			return pageAnswer(404);
		default:
			return undefined;
	}
}

/** Answers as the fault says; `right` is what the answer would have been. */
export function sendSpoilt(reply: FastifyReply, right: Answer, fault: Fault['do']): void {
	const other = otherAnswer(right, fault);
	if (other) {
		send(reply, other);
		return;
	}
	switch (fault.kind) {
		case 'answer': {
			const isText = typeof fault.body === 'string';
			void reply
				.code(fault.status ?? 200)
				.headers({
					...STAND_IN_HEADER,
					'content-type': fault.contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
					...fault.headers,
				})
				.send(Buffer.from(isText ? (fault.body as string) : JSON.stringify(fault.body)));
			return;
		}
		case 'redirect':
			void reply
				.code(fault.status)
				.headers({ ...STAND_IN_HEADER, location: fault.location })
				.send('');
			return;
	}
	// From here on the bytes on the wire matter, so Fastify has to leave the answer alone.
	reply.hijack();
	const { socket } = reply.raw;
	switch (fault.kind) {
		case 'hang':
			return;
		case 'drip':
			drip(reply, right, fault.bytesPerSecond);
			return;
		case 'flood':
			void flood(reply, fault.megabytes);
			return;
		case 'truncate':
			if (fault.silently === true) sendHalfSilently(reply, right);
			else sendHalf(reply, right, () => socket?.end());
			return;
		case 'reset':
			if (fault.when === 'before') socket?.resetAndDestroy();
			else sendHalf(reply, right, () => setTimeout(() => socket?.resetAndDestroy(), RESET_DELAY));
	}
}
