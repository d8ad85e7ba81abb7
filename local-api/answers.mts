/** The answers of the service, before a fault spoils them. */
import { STATUS_CODES } from 'node:http';
import path from 'node:path';

import type { FastifyReply } from 'fastify';

import { toJson } from './job-ids.mts';
import type { Json } from './json.mts';

/** A complete HTTP answer. */
export interface Answer {
	status: number;
	contentType: string;
	body: Buffer;
	/** The JSON of the body, if it is JSON. An `edit` fault changes it. */
	json?: Json;
}

export function answerJson(json: Json, status = 200): Answer {
	return { status, contentType: 'application/json', body: Buffer.from(toJson(json)), json };
}

/** An error in the service's words. By default it has HTTP status 200, as the service answers it. */
export function answerError(message: unknown, status = 200, more: Json = {}): Answer {
	return answerJson({ status: 'error', message, ...more }, status);
}

/** For a job that the service does not know, or not yet. Clients have recorded this answer. */
export function answerNotFound(): Answer {
	return answerJson({
		status: 'failed',
		id: '',
		message: 'Request not found',
		output: '',
		tip: 'Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise',
	});
}

const CONTENT_TYPES: Record<string, string> = {
	'.gif': 'image/gif',
	'.glb': 'model/gltf-binary',
	'.obj': 'model/obj',
	'.mtl': 'model/mtl',
	'.stl': 'model/stl',
	'.ply': 'application/x-ply',
	'.png': 'image/png',
	'.jpg': 'image/jpeg',
	'.jpeg': 'image/jpeg',
	'.webp': 'image/webp',
	'.svg': 'image/svg+xml',
};

/** Finds the content type of a file by its name. */
export function findContentType(name: string): string {
	return CONTENT_TYPES[path.extname(name).toLowerCase()] ?? 'application/octet-stream';
}

export function answerFile(body: Buffer, contentType: string): Answer {
	return { status: 200, contentType, body };
}

/** An HTML page, as a web server in front of an API sends it. */
export function answerPage(status: number): Answer {
	const title = `${status} ${STATUS_CODES[status] ?? ''}`;
	const page = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
	return { status, contentType: 'text/html; charset=utf-8', body: Buffer.from(page) };
}

const BYTE_ORDER_MARK = '\uFEFF';

export function addByteOrderMark(text: Buffer): Buffer {
	return Buffer.concat([Buffer.from(BYTE_ORDER_MARK), text]);
}

/** On every answer, also a spoiled one. */
export const STAND_IN_HEADER = { 'x-stand-in': "not the service's model" };

export function buildHeaders(answer: Answer): Record<string, string> {
	return {
		...STAND_IN_HEADER,
		'content-type': answer.contentType,
		'content-length': String(answer.body.length),
	};
}

export function send(reply: FastifyReply, answer: Answer): void {
	void reply.code(answer.status).headers(buildHeaders(answer)).send(answer.body);
}
