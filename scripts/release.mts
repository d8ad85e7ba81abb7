/**
 * Makes a version: a section in CHANGELOG.md, a number in package.json and the lock file, a commit and a tag.
 *
 *   npm run release -- patch|minor|major|1.2.3
 *
 * It needs a clean `main` on which the tests pass. It pushes and publishes nothing. When you push the tag, .github/workflows/release.yml
 * publishes the version.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import { release } from './changelog.mts';

const BRANCH = 'main';
const CHANGELOG = 'CHANGELOG.md';

interface Manifest {
	version: string;
	repository: { url: string };
}

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** Runs npm, and shows its output. @throws when it fails */
function runNpm(...args: string[]): void {
	const { status } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
	if (status !== 0) throw new Error(`"npm ${args.join(' ')}" failed. Nothing is released.`);
}

function main(): void {
	const [wanted] = process.argv.slice(2);
	if (!wanted) throw new Error('Which version? npm run release -- patch|minor|major|1.2.3');
	const branch = git('rev-parse', '--abbrev-ref', 'HEAD');
	if (branch !== BRANCH)
		throw new Error(`A release needs the branch ${BRANCH}. The current branch is ${branch}.`);
	if (git('status', '--porcelain')) throw new Error('There are uncommitted changes.');

	const { version: current, repository } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
	const { version, changelog } = release({
		changelog: readFileSync(CHANGELOG, 'utf8'),
		current,
		wanted,
		date: new Date(),
		repository: repository.url.replace(/^git\+/, '').replace(/\.git$/, ''),
	});
	const tag = `v${version}`;
	if (git('tag', '--list', tag)) throw new Error(`The tag ${tag} already exists.`);
	runNpm('test');

	writeFileSync(CHANGELOG, changelog);
	// The first version is in package.json before its release.
	runNpm('version', version, '--no-git-tag-version', '--allow-same-version');
	git('commit', '--all', '--message', `Release ${version}`);
	git('tag', '--annotate', tag, '--message', tag);
	const lines = [
		'',
		`${tag} is committed and tagged here. Check it with: git show ${tag}`,
		`Publish it: git push --atomic origin ${BRANCH} ${tag}`,
		`Undo it:    git tag --delete ${tag} && git reset --hard HEAD~1`,
	];
	console.log(lines.join('\n'));
}

try {
	main();
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = 1;
}
