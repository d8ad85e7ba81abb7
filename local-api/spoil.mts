/** Sends answers as a fault says. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { FastifyReply } from 'fastify';

import {
	addByteOrderMark,
	answerJson,
	answerNotFound,
	answerPage,
	buildHeaders,
	send,
	STAND_IN_HEADER,
	type Answer,
} from './answers.mts';
import type { Misbehavior } from './faults.mts';

/** Between the half of an answer and the reset, ms. It is enough for the half to arrive. */
const RESET_DELAY = 30;
const DRIP_INTERVAL = 100;

const MEGABYTE = 1024 * 1024;

function sendSlowly(reply: FastifyReply, answer: Answer, bytesPerSecond: number): void {
	const { raw } = reply;
	raw.writeHead(answer.status, buildHeaders(answer));
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

/** JSON of this many bytes, in pieces. */
function* writeLongJson(bytes: number): Generator<string> {
	const [start, end] = ['{"status":"success","output":["', '"]}'];
	const piece = 'x'.repeat(64 * 1024);
	yield start;
	for (let left = bytes - start.length - end.length; left > 0; left -= piece.length) {
		yield piece.slice(0, left);
	}
	yield end;
}

async function sendFlood(reply: FastifyReply, megabytes: number): Promise<void> {
	reply.raw.writeHead(200, { ...STAND_IN_HEADER, 'content-type': 'application/json' });
	// A client that has had enough closes the connection.
	await pipeline(Readable.from(writeLongJson(megabytes * MEGABYTE)), reply.raw).catch(() => undefined);
}

function takeHalf(body: Buffer): Buffer {
	return body.subarray(0, Math.floor(body.length / 2));
}

function sendHalf(reply: FastifyReply, answer: Answer, then: () => void): void {
	reply.raw.writeHead(answer.status, buildHeaders(answer));
	reply.raw.write(takeHalf(answer.body), then);
}

/** Sends half of an answer as if it were all of it. */
function sendHalfSilently(reply: FastifyReply, answer: Answer): void {
	reply.raw.writeHead(answer.status, { ...STAND_IN_HEADER, 'content-type': answer.contentType });
	reply.raw.write(takeHalf(answer.body));
	reply.raw.end();
}

/** @returns the answer that a fault puts in the place of the right one; undefined for other faults */
function replaceAnswer(right: Answer, fault: Misbehavior): Answer | undefined {
	switch (fault.kind) {
		case 'edit':
			return right.json ? answerJson(fault.edit(structuredClone(right.json)), right.status) : right;
		case 'code':
			return { ...right, status: fault.status };
		case 'byteOrderMark':
			return right.json ? { ...right, body: addByteOrderMark(right.body) } : right;
		case 'failJob':
			return right;
		case 'notFound':
			return answerNotFound();
		case 'late':
			return answerPage(404);
		default:
			return undefined;
	}
}

function sendCustom(reply: FastifyReply, fault: Extract<Misbehavior, { kind: 'answer' }>): void {
	const { status = 200, contentType, headers, body } = fault;
	const [text, textType] =
		typeof body === 'string'
			? [body, 'text/plain; charset=utf-8']
			: [JSON.stringify(body), 'application/json'];
	void reply
		.code(status)
		.headers({ ...STAND_IN_HEADER, 'content-type': contentType ?? textType, ...headers })
		.send(Buffer.from(text));
}

/** Spoils an answer on the wire, where the single bytes matter. */
function sendRaw(reply: FastifyReply, right: Answer, fault: Misbehavior): void {
	// Fastify must not touch the answer.
	reply.hijack();
	const { socket } = reply.raw;
	switch (fault.kind) {
		case 'drip':
			sendSlowly(reply, right, fault.bytesPerSecond);
			return;
		case 'flood':
			void sendFlood(reply, fault.megabytes);
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

/**
 * Answers as a fault says.
 *
 * @param right the answer without the fault
 */
export function sendSpoiled(reply: FastifyReply, right: Answer, fault: Misbehavior): void {
	const other = replaceAnswer(right, fault);
	if (other) send(reply, other);
	else if (fault.kind === 'answer') sendCustom(reply, fault);
	else if (fault.kind === 'redirect') {
		void reply
			.code(fault.status)
			.headers({ ...STAND_IN_HEADER, location: fault.location })
			.send('');
	} else sendRaw(reply, right, fault);
}
