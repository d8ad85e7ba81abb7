/** Remembering which jobs' ends have started the workflow, in little space, across restarts of n8n. */
import { createHash } from 'crypto';
import type { IDataObject } from 'n8n-workflow';

import type { JobId } from '../api/job-id';

/** How many ends a trigger remembers: the latest. */
export const REMEMBERED = 5000;

/**
 * Characters of a mark. 48 bits of a hash: with all remembered, a new job is mistaken for one of them once in
 * 5 * 10^10 jobs. They take 40 kB in the workflow's static data.
 */
const MARK_LENGTH = 8;

/** A job's end in few characters. */
export function hashEnd(id: JobId, outcome: string): string {
	return createHash('sha256').update(`${id}\n${outcome}`).digest('base64url').slice(0, MARK_LENGTH);
}

function marksIn(packed: string): string[] {
	return packed.match(new RegExp(`.{${MARK_LENGTH}}`, 'g')) ?? [];
}

/** What a trigger remembers: its marks, the oldest first, and the static data that they were last read from or written to. */
interface Memory {
	marks: Set<string>;
	packed: string;
}

/**
 * The ends that have started the workflow.
 *
 * n8n hands each call a copy of the static data and saves it afterwards: of two calls at the same time one would
 * overwrite what the other wrote. So the process remembers too, and whoever writes, writes both.
 */
export class SeenJobs {
	private readonly memories = new Map<string, Memory>();

	/** @returns whether the end has started the workflow before */
	has(trigger: string, staticData: IDataObject, mark: string): boolean {
		return this.memoryOf(trigger, staticData).marks.has(mark);
	}

	/** Writes an end down, in the static data too. */
	add(trigger: string, staticData: IDataObject, mark: string): void {
		const memory = this.memoryOf(trigger, staticData);
		memory.marks.add(mark);
		const tooMany = memory.marks.size - REMEMBERED;
		for (const oldest of [...memory.marks].slice(0, Math.max(0, tooMany))) memory.marks.delete(oldest);
		memory.packed = [...memory.marks].join('');
		staticData.seen = memory.packed;
	}

	private memoryOf(trigger: string, { seen }: IDataObject): Memory {
		const packed = typeof seen === 'string' ? seen : '';
		const known = this.memories.get(trigger);
		if (known?.packed === packed) return known;
		const memory = { marks: new Set([...marksIn(packed), ...(known?.marks ?? [])]), packed };
		this.memories.set(trigger, memory);
		return memory;
	}
}
