/** `npm run editor`, as a person starts it in a terminal. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import getPort, { clearLockedPorts } from 'get-port';

import { CACHE } from '../../n8n/real/install.mts';
import { FIXED_PORTS } from '../../n8n/real/parts/index.mts';
import { waitUntil } from '../../n8n/real/processes.mts';

/** A folder like `.cache/` of a new clone, but with the installed n8n servers. */
export class NewCache {
	readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-cache-'));

	constructor() {
		for (const name of ['n8n', 'node']) symlinkSync(join(CACHE, name), join(this.folder, name));
		mkdirSync(join(this.folder, 'packed'));
	}

	remove(): void {
		rmSync(this.folder, { recursive: true, force: true });
	}
}

/** The command, and all that it has started. */
export class EditorCommand {
	printed = '';
	private readonly child: ChildProcess;
	private hasEnded = false;

	constructor({ folder }: NewCache, ...options: string[]) {
		this.child = spawn('npm', ['run', '--silent', 'editor', '--', ...options], {
			// As a terminal does, so that Ctrl-C reaches all of its processes.
			detached: true,
			env: { ...process.env, NODE_ENV: undefined, IMG_TO_3D_CACHE: folder },
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		this.child.once('close', () => (this.hasEnded = true));
		for (const stream of [this.child.stdout, this.child.stderr]) {
			stream?.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
		}
	}

	/** Waits until it has printed this. */
	async waitFor(words: string): Promise<void> {
		await waitUntil(
			`"npm run editor" prints "${words}"`,
			() => {
				if (this.hasEnded) throw new Error(`It has ended:\n${this.printed}`);
				return this.printed.includes(words);
			},
			180_000,
		);
	}

	/** What it has printed behind a label. */
	read(label: string): string {
		return new RegExp(`^ *${label}: +(\\S+)`, 'm').exec(this.printed)?.[1] ?? '';
	}

	/** Waits until it has ended, with all that it has started. @returns its exit code, or `null` after Ctrl-C */
	async waitForEnd(): Promise<number | null> {
		await waitUntil('"npm run editor" has ended', () => this.hasEnded);
		return this.child.exitCode;
	}

	/** Presses Ctrl-C. On a busy machine, tsx passes the signal on once more, although its process has got it from the terminal. */
	interrupt(): void {
		const signal = () => {
			if (!this.hasEnded && this.child.pid) process.kill(-this.child.pid, 'SIGINT');
		};
		signal();
		setTimeout(signal, 50);
	}
}

/** The ports of the command that something uses. */
export async function listUsedPorts(port: number): Promise<number[]> {
	// It keeps what it has found for a while, and would then take it for used.
	clearLockedPorts();
	const used = [];
	for (const wanted of [port, ...Object.values(FIXED_PORTS)]) {
		if ((await getPort({ port: wanted, host: '127.0.0.1' })) !== wanted) used.push(wanted);
	}
	return used;
}
