import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runScriptIn } from '../support/run-script.mts';

/** A repository with little in it, to be released. */
export class Repository {
	private readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-release-'));

	/** @param test what `npm test` runs there */
	constructor(changelog: string, { test = 'node --version' } = {}) {
		const manifest = {
			name: 'released',
			version: '0.1.0',
			repository: { type: 'git', url: 'git+https://example.com/turntables.git' },
			scripts: { test },
		};
		const { name, version } = manifest;
		this.write('package.json', `${JSON.stringify(manifest, null, '\t')}\n`);
		this.write(
			'package-lock.json',
			JSON.stringify({
				name,
				version,
				lockfileVersion: 3,
				requires: true,
				packages: { '': { name, version } },
			}),
		);
		this.write('CHANGELOG.md', changelog);
		this.git('init', '--initial-branch=main');
		this.git('config', 'user.name', 'Maintainer');
		this.git('config', 'user.email', 'maintainer@example.com');
		this.commit();
	}

	read(path: string): string {
		return readFileSync(join(this.folder, path), 'utf8');
	}

	write(path: string, text: string): void {
		writeFileSync(join(this.folder, path), text);
	}

	git(...args: string[]): string {
		return execFileSync('git', args, { cwd: this.folder, encoding: 'utf8', stdio: 'pipe' }).trim();
	}

	commit(): void {
		this.git('add', '--all');
		this.git('commit', '--message', 'Change something');
	}

	/** All that a release could have changed. */
	state(): string {
		return [
			this.git('status', '--porcelain'),
			this.git('log', '--all', '--format=%H %D'),
			this.git('diff'),
		].join('\n');
	}

	async release(...args: string[]): Promise<{ code: number; printed: string }> {
		return await runScriptIn(this.folder, join('scripts', 'release.mts'), ...args);
	}

	async notes(tag: string): Promise<{ code: number; printed: string }> {
		return await runScriptIn(this.folder, join('scripts', 'release-notes.mts'), tag);
	}

	remove(): void {
		rmSync(this.folder, { recursive: true });
	}
}
