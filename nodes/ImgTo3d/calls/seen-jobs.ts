/** Remembering which jobs' ends have started the workflow, in little space, across restarts of n8n. */
import { createHash } from 'crypto';
import type { IDataObject } from 'n8n-workflow';

/** How many ends a trigger remembers: the latest. */
export const REMEMBERED = 5000;

/**
 * Characters of a mark. 48 bits of a hash: with all remembered, a new job is mistaken for one of them once in
 * 5 * 10^10 jobs. They take 40 kB in the workflow's static data.
 */
const MARK_LENGTH = 8;

/** A job's end in few characters. */
export function markOf(id: string | number, outcome: string): string {
	return createHash('sha256').update(`${id}\n${outcome}`).digest('base64url').slice(0, MARK_LENGTH);
}

function marksIn(packed: unknown): string[] {
	return typeof packed === 'string' ? (packed.match(new RegExp(`.{${MARK_LENGTH}}`, 'g')) ?? []) : [];
}

/**
 * The ends that have started the workflow.
 *
 * n8n hands each call a copy of the static data and saves it afterwards: of two calls at the same time one would
 * overwrite what the other wrote. So the process remembers too, and whoever writes, writes both.
 */
export class SeenJobs {
	private readonly inProcess = new Map<string, string[]>();

	/** @returns whether the end has started the workflow before */
	has(trigger: string, staticData: IDataObject, mark: string): boolean {
		return this.of(trigger, staticData).has(mark);
	}

	/** Writes an end down, in the static data too. */
	add(trigger: string, staticData: IDataObject, mark: string): void {
		const marks = [...this.of(trigger, staticData)].slice(1 - REMEMBERED);
		marks.push(mark);
		this.inProcess.set(trigger, marks);
		staticData.seen = marks.join('');
	}

	private of(trigger: string, staticData: IDataObject): Set<string> {
		return new Set([...marksIn(staticData.seen), ...(this.inProcess.get(trigger) ?? [])]);
	}
}
