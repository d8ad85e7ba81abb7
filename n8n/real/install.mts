/**
 * Whole n8n's for the end-to-end tests and `npm run editor`, each in a private folder under `.cache/`, which is used
 * again when it is there. Node comes from npm where another one is needed, servers and the browser from Debian.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** npm runs scripts in the package's folder. */
const ROOT = process.cwd();

/** Where everything is kept; another folder can be named to share it between clones. */
export const CACHE = process.env.IMG_TO_3D_CACHE ?? join(ROOT, '.cache');

/** How a version of n8n is installed where nothing but npm's registry can be reached. */
interface Recipe {
	/** The version of Node that it is run with. */
	node: string;
	/** Packages whose newest versions want something that cannot be had. */
	overrides: Record<string, string>;
}

/** Both ends of the range that the package is for. */
export const RECIPES = {
	'2.0.0': { node: '20.20.2', overrides: { xlsx: '0.18.5', linkedom: '0.18.13' } },
	'2.41.1': { node: '24.21.0', overrides: { linkedom: '0.18.13' } },
} satisfies Record<string, Recipe>;

export type N8nVersion = keyof typeof RECIPES;

/** An n8n that can be started. */
export interface Installation {
	version: N8nVersion;
	/** The folder that its `node_modules` is in. */
	folder: string;
	/** The program that runs it. */
	node: string;
	/** n8n's own script. */
	script: string;
}

/** Gets a line now and then while something takes long. */
export type Say = (line: string) => void;

const LONG = { maxBuffer: 64 * 1024 * 1024, timeout: 15 * 60_000 };

/** The environment without what npm has put there for a script: its `ignore-scripts` would keep sqlite3 from being built. */
function plainEnvironment(): NodeJS.ProcessEnv {
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
}

async function npm(folder: string, args: string[], env: Record<string, string> = {}): Promise<void> {
	try {
		await run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
			cwd: folder,
			...LONG,
			env: { ...plainEnvironment(), ...env },
		});
	} catch (error) {
		const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
		throw new Error(`"npm ${args.join(' ')}" failed:\n${(stdout + stderr).slice(-4000)}`);
	}
}

/** Makes a folder with a package.json of its own, and fills it, unless that has been done before. */
async function once(
	folder: string,
	manifest: object,
	say: Say,
	what: string,
	fill: () => Promise<void>,
): Promise<void> {
	const done = join(folder, 'installed.json');
	const recipe = JSON.stringify(manifest);
	if (existsSync(done) && readFileSync(done, 'utf8') === recipe) return;
	const started = Date.now();
	say(`Installing ${what} ...`);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, ...manifest }));
	await fill();
	writeFileSync(done, recipe);
	say(`${what} is there after ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** A Node of the given version: its program, and the folder that holds its headers. */
async function nodeOf(version: string, say: Say): Promise<{ program: string; prefix: string }> {
	const name = `node-${process.platform}-${process.arch}`;
	const folder = join(CACHE, 'node', version);
	await once(folder, { dependencies: { [name]: version } }, say, `Node ${version}`, async () => {
		await npm(folder, ['install', '--ignore-scripts']);
	});
	const prefix = join(folder, 'node_modules', name);
	return { program: join(prefix, 'bin', 'node'), prefix };
}

/**
 * Installs an n8n, or finds it.
 *
 * @throws when something cannot be had, with npm's own words
 */
export async function installedN8n(version: N8nVersion, say: Say): Promise<Installation> {
	const recipe: Recipe = RECIPES[version];
	const { program, prefix } = await nodeOf(recipe.node, say);
	const folder = join(CACHE, 'n8n', version);
	const manifest = { dependencies: { n8n: version }, overrides: recipe.overrides };
	await once(folder, manifest, say, `n8n ${version} (2 to 3 GB, 3 to 6 minutes)`, async () => {
		await npm(folder, ['install', '--ignore-scripts']);
		await debianPackages(['g++', 'make', 'python3'], say);
		// The one native part that n8n cannot do without, built for the Node that runs it.
		await npm(folder, ['rebuild', 'sqlite3', '--build-from-source'], {
			PATH: `${dirname(program)}:${process.env.PATH ?? ''}`,
			npm_config_nodedir: prefix,
		});
		const built = join(folder, 'node_modules', 'sqlite3', 'build', 'Release', 'node_sqlite3.node');
		if (!existsSync(built)) throw new Error(`sqlite3 was not built for n8n ${version}.`);
	});
	return { version, folder, node: program, script: join(folder, 'node_modules', 'n8n', 'bin', 'n8n') };
}

/**
 * The package as it would be published.
 *
 * @returns the path of the tarball
 */
export async function packedPackage(): Promise<string> {
	mkdirSync(CACHE, { recursive: true });
	const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', CACHE], {
		cwd: ROOT,
		...LONG,
	});
	const [{ filename } = { filename: '' }] = JSON.parse(stdout) as Array<{ filename: string }>;
	return join(CACHE, filename);
}

/** Unpacks a tarball of npm's into a folder, as npm does: without the folder that its files lie in. */
export async function unpack(tarball: string, folder: string): Promise<void> {
	mkdirSync(folder, { recursive: true });
	await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
}

const POSTGRES = '/usr/lib/postgresql';

/** The folder of PostgreSQL's programs, the newest; nothing when only its client is installed, or not even that. */
export function postgresPrograms(): string | undefined {
	if (!existsSync(POSTGRES)) return undefined;
	return readdirSync(POSTGRES)
		.sort((a, b) => Number(b) - Number(a))
		.map((version) => join(POSTGRES, version, 'bin'))
		.find((folder) => existsSync(join(folder, 'initdb')));
}

function onPath(program: string): boolean {
	return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** Whether what a package of Debian's brings is there, by the package's name. */
const IS_THERE = {
	'g++': () => onPath('g++'),
	make: () => onPath('make'),
	python3: () => onPath('python3'),
	chromium: () => existsSync('/usr/bin/chromium'),
	'redis-server': () => existsSync('/usr/bin/redis-server'),
	postgresql: () => postgresPrograms() !== undefined,
} as const;

/**
 * Sees to it that Debian's packages are installed.
 *
 * @throws when they are not and this user may not install them
 */
export async function debianPackages(names: ReadonlyArray<keyof typeof IS_THERE>, say: Say): Promise<void> {
	const missing = names.filter((name) => !IS_THERE[name]());
	if (missing.length === 0) return;
	const command = `apt-get update && apt-get install --yes --no-install-recommends ${missing.join(' ')}`;
	if (process.getuid?.() !== 0) throw new Error(`Not installed: ${missing.join(', ')}. As root: ${command}`);
	say(`Installing ${missing.join(', ')} from Debian ...`);
	await run('sh', ['-c', `${command} 2>&1`], {
		...LONG,
		env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
	});
}
