import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packPackage, unpack } from '../../n8n/real/install.mts';
import { runScript } from '../support/run-script.mts';

/** n8n's package scanner on this folder and its tarball, or on other sources and another unpacked package. */
export const scan = async (...folders: [] | [sources: string, unpacked: string]) =>
	await runScript(join('scripts', 'scan.mts'), ...folders);

/** A copy of what the scanner checks. Tests break it. */
export class Copy {
	private readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-copy-'));
	readonly sources = join(this.folder, 'sources');
	readonly unpacked = join(this.folder, 'package');

	static async make(): Promise<Copy> {
		const copy = new Copy();
		for (const part of ['package.json', 'nodes', 'credentials', 'icons']) {
			cpSync(part, join(copy.sources, part), { recursive: true });
		}
		await unpack(await packPackage(), copy.unpacked);
		return copy;
	}

	/** Puts lines before a file. */
	prepend(path: string, text: string): void {
		writeFileSync(path, text + readFileSync(path, 'utf8'));
	}

	remove(): void {
		rmSync(this.folder, { recursive: true });
	}
}
