/**
 * Installs what a command needs and is not there yet, from the lock file.
 *
 *   node scripts/setup.mjs light   what `npm start` and the build need
 *   node scripts/setup.mjs full    that, and n8n's own lint (some 650 MB more), which `npm test` needs
 *
 * Plain Node, because it runs when nothing is installed. What is there is compared with the lock file, so
 * that a fresh clone, an interrupted install and a changed lock file all end the same way.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scope = process.argv[2] ?? 'light';
if (scope !== 'light' && scope !== 'full') {
	console.error(`setup: "${scope}" is not known. Say "light" or "full".`);
	process.exit(2);
}

/** The packages stop working at other places with an older Node, each with words of its own. */
function checkNode({ node }) {
	const [major, minor] = process.versions.node.split('.').map(Number);
	const [, leastMajor, leastMinor] = /(\d+)\.(\d+)/.exec(node).map(Number);
	if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
	console.error(
		`This is Node ${process.versions.node}. It needs Node ${leastMajor}.${leastMinor} or later, from https://nodejs.org or your system.`,
	);
	process.exit(1);
}

const json = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

/** The packages named by a package.json that are not installed in the version the lock file names. */
function missing(dependencies, locked) {
	return Object.keys(dependencies ?? {}).filter((name) => {
		const manifest = join('node_modules', name, 'package.json');
		return (
			!existsSync(join(root, manifest)) || json(manifest).version !== locked[`node_modules/${name}`]?.version
		);
	});
}

checkNode(json('package.json').engines);

const locked = json('package-lock.json').packages;
const wanted = missing(json('package.json').devDependencies, locked);
if (scope === 'full') wanted.push(...missing(json('scripts/lint/package.json').dependencies, locked));

if (wanted.length > 0) {
	console.log(
		scope === 'full'
			? "Installing the development tools (about 1 GB with n8n's lint, a minute or two) ..."
			: 'Installing what the first run needs (about 360 MB, half a minute or so) ...',
	);
	const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
	if (scope === 'light') args.push('--workspaces=false');
	const started = Date.now();
	const { status, error } = spawnSync('npm', args, {
		cwd: root,
		stdio: ['ignore', 'inherit', 'inherit'],
		shell: process.platform === 'win32',
	});
	if (status !== 0) {
		console.error(
			`setup: "npm ${args.join(' ')}" did not succeed${error ? ` (${error.message})` : ''}. Its own words stand above.`,
		);
		process.exit(status ?? 1);
	}
	console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}
