/** The faulty answers of a service. */
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { isObject, type Json } from '../../local-api/json.mts';
import type { AnswerMaker, PendingAnswer, Way } from './fault-entry.mts';

/** Answers with JSON, or with a text. */
export const answerJson = (
	body: unknown,
	status = 200,
	headers: Record<string, string> = {},
): AnswerMaker => {
	const text = typeof body === 'string' ? body : JSON.stringify(body);
	return () => ({ status, headers, body: text });
};

/** Answers with an error of the API. */
export const answerError = (
	message: unknown,
	status = 200,
	more: object = {},
	headers?: Record<string, string>,
): AnswerMaker => answerJson({ status: 'error', message, ...more }, status, headers);

/** Answers with a page of HTML. */
export const answerPage = (status: number): AnswerMaker => {
	const body = `<!doctype html><html><head><title>${status}</title></head><body><h1>Sorry</h1></body></html>`;
	return () => ({ status, headers: { 'content-type': 'text/html' }, body });
};

/** Answers with a stream, which is opened for each answer. */
export const answerStream = (body: () => Readable, headers: Record<string, string> = {}): Way => {
	return () => ({ headers, body });
};

/** Answers with a changed right answer. */
export const editAnswer =
	(edit: (answer: Json, pending: PendingAnswer) => Json | undefined): AnswerMaker =>
	(pending) => {
		const answer: unknown = pending.right.body.length > 0 ? JSON.parse(pending.right.body.toString()) : {};
		const body = isObject(answer) ? edit(answer, pending) : undefined;
		return body && { body: JSON.stringify(body) };
	};

/** Answers that the job is done, whether it is or not, with another output. */
export const replaceOutput = (output: (outputs: string[]) => unknown): AnswerMaker =>
	editAnswer((answer, { outputs }) => {
		const isUpload = 'link' in answer;
		const done = { ...answer, status: 'success', future_links: undefined };
		return isUpload ? { ...done, link: output([]) } : { ...done, output: output(outputs) };
	});

/** Answers with the right answer without some fields. */
export const removeFields = (...fields: string[]): AnswerMaker =>
	editAnswer((answer) =>
		Object.fromEntries(Object.entries(answer).filter(([name]) => !fields.includes(name))),
	);

const LARGE = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** Opens a stream of 100 MB of JSON. It is made while it is read. */
export function openLargeJson(): Readable {
	return Readable.from(
		(function* () {
			yield Buffer.from('{"status":"success","output":["');
			for (let sent = 0; sent < LARGE; sent += CHUNK.length) yield CHUNK;
			yield Buffer.from('"]}');
		})(),
	);
}

let bomb: Promise<Buffer> | undefined;

/** Compresses the same JSON with gzip, to 100 kB. */
async function makeGzipBomb(): Promise<Buffer> {
	bomb ??= (async () => {
		const packed: Buffer[] = [];
		for await (const chunk of openLargeJson().pipe(createGzip())) packed.push(chunk as Buffer);
		return Buffer.concat(packed);
	})();
	return await bomb;
}

/** @param isOpen whether the stream never ends, so that whoever unpacks it must close it */
export function openGzipBomb(isOpen: boolean): Readable {
	const stream = new Readable({ read: () => undefined });
	void makeGzipBomb().then((packed) => {
		stream.push(packed);
		if (!isOpen) stream.push(null);
	});
	return stream;
}

/** Deeper than the node should follow, but not so deep that a parser refuses it. */
const DEEP = 20_000;
export const deepJson = `{"status":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`;

/** Answers with a request to wait. */
export const askToWait =
	(answer: (seconds: number) => AnswerMaker): AnswerMaker =>
	(pending) =>
		answer(pending.waitSeconds)(pending);

export const QUEUE_FULL = 'Rate limit exceeded. Maximum 5 queued requests allowed.';
export const describeSpamFilter = (seconds: number) => ({
	status: 'error',
	messege: 'Rate limit exceeded',
	tips: `you are sending same request multiple times, spam filter is enabled, please wait for ${seconds} seconds and try again`,
});

/** The recorded answer of the service about a job that it does not know, or does not know yet. */
export const NOT_FOUND = {
	id: '',
	message: 'Request not found',
	output: '',
	tip: 'Get 20x faster image generation using enterprise plan. Click here : https://example.com/enterprise',
};

/** Answers with a status of this job, and its ID. */
export const answerStatus = (status: string, more: Json = {}): AnswerMaker =>
	editAnswer(({ id }) => ({ status, id, output: '', ...more }));

/** Lists every form in which a service may echo the key. */
export const listEchoes = (key: string) => ({
	key,
	[key]: 1,
	link: `https://example.com/?key=${encodeURIComponent(key)}`,
	lower: encodeURIComponent(key).toLowerCase(),
	header: `Basic ${Buffer.from(key).toString('base64')}`,
	nested: [{ deep: `key=${key};` }],
});
