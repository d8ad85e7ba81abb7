/** The parts of a fault, and what its answer means. */
import type { Readable } from 'node:stream';

import type { Json } from '../../local-api/json.mts';

/** Where a fault hits. `webhook`: the call of the service, with a fault of `call-faults.mts`. */
export const PLACES = ['submit', 'fetch', 'upload', 'download', 'webhook'] as const;
export type Place = (typeof PLACES)[number];
export type RequestPlace = Exclude<Place, 'webhook'>;

/** What an answer of the API (a submit, a fetch, an upload) means for the caller. */
export type ApiMeaning =
	/** The request certainly did not arrive. */
	| 'notSent'
	/** The service refused because of a limit. Nothing was done, and the same request can succeed later. */
	| 'notNow'
	/** The same because the queue of the account is full. It takes the next job when one has ended. */
	| 'noPlace'
	/** No answer, or none that can be read. It is unknown whether the service received the request. */
	| 'noAnswer'
	/** The service or a proxy refuses. Nothing was done. */
	| 'refused'
	/** The service does not accept the key, or forbids the account the request. */
	| 'noAccess'
	/** The service does not know the job, or does not know it yet. */
	| 'notFound'
	/** The service says that the job with this ID has ended without a result. */
	| 'failed'
	/** It says so without the ID, or in an ambiguous word. This counts when it has been repeated for a while. */
	| 'doubtfulEnd'
	/** The job has not ended. */
	| 'processing'
	/** An unknown status of this job. */
	| 'unknownStatus'
	/** The service says that the job is done, but names no file that can be downloaded. */
	| 'noFile'
	/** The result is at an address to which the node must not send requests. */
	| 'forbiddenFile'
	/** A job was accepted, but the answer does not have its ID. */
	| 'unnamed'
	/** The answer is cut off after the job's ID, which may have arrived. */
	| 'cutOff'
	/** No rule decides. */
	| 'open'
	/** The right answer in an unusual form. */
	| 'harmless';

/** What the answer of a file server means. */
export type FileMeaning =
	/** Another try may get the file. */
	| 'passes'
	/** No try gets the file. */
	| 'refused'
	/** The file does not arrive in time. */
	| 'slow'
	| 'harmless';

/** An answer before a fault changes it. */
export interface PendingAnswer {
	/** The right answer. It is empty for a submit that the service must not accept. */
	right: { body: Buffer; headers: Record<string, string> };
	/** ms of the clock */
	now: number;
	/** How long the answer asks the node to wait, if the fault does so, s. */
	waitSeconds: number;
	key: string;
	/** The URLs of the files of the job when it has ended. */
	outputs: string[];
	/** Another URL of the file. */
	elsewhere: string;
	/** The time since the first faulty answer, s. */
	sinceFirst: number;
	/** Whether an earlier answer said that this job is done. */
	wasDone: boolean;
}

export interface FaultyAnswer {
	/** HTTP status, default 200. */
	status?: number;
	/** In addition to the content type, by default JSON. */
	headers?: Record<string, string>;
	body: string | Buffer | (() => Readable);
}

/** Makes a faulty answer. @returns `undefined` if the fault does not apply, and the right answer is sent */
export type AnswerMaker = (pending: PendingAnswer) => FaultyAnswer | undefined;

/** How a request fails. */
export type Way =
	/** The Base URL is https, but the service does not use TLS. */
	| 'noTls'
	/** Nothing listens at the port of the service. */
	| 'closed'
	/** The host name of the service does not resolve. */
	| 'unresolved'
	/** The connection is reset before the first byte of the answer, or in the middle of it. */
	| 'resetBefore'
	| 'resetMiddle'
	/** No answer. */
	| 'silent'
	/** The right answer, one byte every 10 s. */
	| 'drip'
	/** A faulty answer. */
	| AnswerMaker;

export interface FaultEntry {
	name: string;
	way: Way;
	/** What it means for the caller of the API. `none`: why the API has no such fault. */
	api: ApiMeaning | { none: string };
	/** The same for a file server. */
	file: FileMeaning | { none: string };
	/** What it means at one place, if that differs. */
	except?: Partial<Record<RequestPlace, ApiMeaning | { none: string }>>;
	/** How long the service asks the node to wait, s. */
	waitSeconds?: number;
	/** The host name of the service is public. */
	isPublic?: true;
	/** How many requests it hits with the persistence "once", default 1. */
	times?: number;
	/** How long an end must be repeated until it counts, s. Default: 60. */
	saidFor?: number;
	/** How long it delays an item that succeeds, s. */
	lasts?: number;
	/** Why it cannot hit only once. */
	alwaysBecause?: string;
	/** An answer that says that the job is done ends it, also the answer to the submit. */
	isDoneAtOnce?: true;
	/** The job's ID in the JSON of the service, if it is not a plain number. */
	rawId?: string;
	/** The ID is nested deeper than documented. */
	isIdNested?: true;
	/** The service sends a second URL of each file. */
	hasMirror?: true;
	/** What the error of a submit must say. */
	says?: RegExp;
}

/** What a call of the service means for the node. */
export type CallMeaning =
	/** It reports the end of the job, so the node asks the API. */
	| 'harmless'
	/** n8n refuses it, so the node does not receive it. */
	| 'unheard'
	/** The node receives it, but it names no job that has ended. */
	| 'tellsNothing'
	/** It reports the end of a job that has not ended. */
	| 'early';

/** A call that is made instead of the right one. */
export interface FaultyCall {
	headers?: Record<string, string>;
	body: string | Buffer | (() => Readable);
	/** The time after the end of the job, s. Default: 0. */
	afterSeconds?: number;
	/** How often it is made, default 1. */
	times?: number;
	/** How the API answers the first fetch that it causes. */
	meanwhile?: AnswerMaker;
}

export interface CallFault {
	name: string;
	/** @param right the body of the right call @returns `undefined`: no call is made */
	call: (right: Json, key: string) => FaultyCall | undefined;
	means: CallMeaning;
}

/** Why a fault does not exist at a place. */
export const NO_API = { none: 'a file server does not speak the API' };
export const SAME_FILE = { none: 'a file has no id, and no status' };
export const NO_OUTPUT = { none: 'a file names no output' };
export const NO_KEY = { none: 'the key is not sent to the file server' };
export const NO_FILE = { none: 'it is a fault of a file' };
export const NO_FIELD = { none: 'the answer to an upload has a link and no job' };
export const NO_EVIDENCE_OF_FILE = { none: 'only the code of a file server counts, not its text' };
