/** Remembers the ends that have started the workflow, in little space, across restarts of n8n. */
import { createHash } from 'crypto';
import type { IDataObject } from 'n8n-workflow';

import type { JobId } from '../api/job-id';

/** The number of ends that a trigger remembers: the latest. */
export const REMEMBERED = 5000;

/**
 * The length of a hash, characters. They hold 48 bits, so with all ends remembered, one in 5 * 10^10 new jobs is mistaken
 * for one of them. The hashes take 40 kB of the workflow's static data.
 */
const HASH_LENGTH = 8;

/** Identifies the end of a job in a few characters. */
export function hashEnd(id: JobId, outcome: string): string {
	return createHash('sha256').update(`${id}\n${outcome}`).digest('base64url').slice(0, HASH_LENGTH);
}

function splitHashes(packed: string): string[] {
	return packed.match(new RegExp(`.{${HASH_LENGTH}}`, 'g')) ?? [];
}

/** What a trigger remembers: the hashes, the oldest first, and the static data that holds them. */
interface Memory {
	hashes: Set<string>;
	packed: string;
}

/**
 * The ends that have started the workflow.
 *
 * n8n gives each call a copy of the static data, and saves the copy afterwards. Of two calls at the same time, one would
 * overwrite what the other has written. Therefore the process remembers the ends too, and each call writes all of them.
 */
export class SeenEnds {
	private readonly memories = new Map<string, Memory>();

	/** Whether the end has started the workflow before. */
	has(trigger: string, staticData: IDataObject, hash: string): boolean {
		return this.recall(trigger, staticData).hashes.has(hash);
	}

	/** Remembers an end, in the static data too. */
	add(trigger: string, staticData: IDataObject, hash: string): void {
		const memory = this.recall(trigger, staticData);
		memory.hashes.add(hash);
		const tooMany = memory.hashes.size - REMEMBERED;
		for (const oldest of [...memory.hashes].slice(0, Math.max(0, tooMany))) memory.hashes.delete(oldest);
		memory.packed = [...memory.hashes].join('');
		staticData.seen = memory.packed;
	}

	private recall(trigger: string, { seen }: IDataObject): Memory {
		const packed = typeof seen === 'string' ? seen : '';
		const known = this.memories.get(trigger);
		if (known?.packed === packed) return known;
		const memory = { hashes: new Set([...splitHashes(packed), ...(known?.hashes ?? [])]), packed };
		this.memories.set(trigger, memory);
		return memory;
	}
}
