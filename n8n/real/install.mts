/**
 * Installs n8n servers for the end-to-end tests and `npm run editor`, each into its own folder under `.cache/`. An
 * installed server is used again. Another Node comes from npm if one is needed. The other servers and the browser come
 * from Debian.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** npm runs scripts in the folder of the package. */
const ROOT = process.cwd();

/** Where everything is installed. Clones can share a folder by naming it. */
export const CACHE = process.env.IMG_TO_3D_CACHE ?? join(ROOT, '.cache');

/** How to install a version of n8n if only npm's registry can be reached. */
interface Recipe {
	/** The version of Node that runs it. */
	node: string;
	/** Versions of packages whose newest versions need something from elsewhere. */
	overrides: Record<string, string>;
}

/** The oldest and the newest version that the package supports. */
export const RECIPES = {
	'2.0.0': { node: '20.20.2', overrides: { xlsx: '0.18.5', linkedom: '0.18.13' } },
	'2.41.1': { node: '24.21.0', overrides: { linkedom: '0.18.13' } },
} satisfies Record<string, Recipe>;

export type N8nVersion = keyof typeof RECIPES;

/** An installed n8n. */
export interface Installation {
	version: N8nVersion;
	/** The folder that contains its `node_modules`. */
	folder: string;
	/** The program that runs it. */
	node: string;
	/** n8n's own script. */
	script: string;
}

/** Reports progress, one line each time. */
export type Say = (line: string) => void;

const LONG = { maxBuffer: 64 * 1024 * 1024, timeout: 15 * 60_000 };

/** The environment without the variables that npm sets for a script: its `ignore-scripts` would prevent the build of sqlite3. */
function createPlainEnvironment(): NodeJS.ProcessEnv {
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
}

async function runNpm(folder: string, args: string[], env: Record<string, string> = {}): Promise<void> {
	try {
		await run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
			cwd: folder,
			...LONG,
			env: { ...createPlainEnvironment(), ...env },
		});
	} catch (error) {
		const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
		throw new Error(`"npm ${args.join(' ')}" failed:\n${(stdout + stderr).slice(-4000)}`);
	}
}

/** Creates a folder with its own package.json and fills it, unless that was done before. */
async function installOnce(
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
	say(`Installed ${what} in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** Installs a version of Node, unless it is there. @returns its program, and the folder that contains its headers */
async function installNode(version: string, say: Say): Promise<{ program: string; prefix: string }> {
	const name = `node-${process.platform}-${process.arch}`;
	const folder = join(CACHE, 'node', version);
	await installOnce(folder, { dependencies: { [name]: version } }, say, `Node ${version}`, async () => {
		await runNpm(folder, ['install', '--ignore-scripts']);
	});
	const prefix = join(folder, 'node_modules', name);
	return { program: join(prefix, 'bin', 'node'), prefix };
}

/**
 * Installs a version of n8n, unless it is there.
 *
 * @throws with npm's own message if something cannot be installed
 */
export async function installN8n(version: N8nVersion, say: Say): Promise<Installation> {
	const recipe: Recipe = RECIPES[version];
	const { program, prefix } = await installNode(recipe.node, say);
	const folder = join(CACHE, 'n8n', version);
	const manifest = { dependencies: { n8n: version }, overrides: recipe.overrides };
	await installOnce(folder, manifest, say, `n8n ${version} (2 to 3 GB, 3 to 6 minutes)`, async () => {
		await runNpm(folder, ['install', '--ignore-scripts']);
		await installDebianPackages(['g++', 'make', 'python3'], say);
		// The only native part that n8n needs. It is built for the Node that runs it.
		await runNpm(folder, ['rebuild', 'sqlite3', '--build-from-source'], {
			PATH: `${dirname(program)}:${process.env.PATH ?? ''}`,
			npm_config_nodedir: prefix,
		});
		const built = join(folder, 'node_modules', 'sqlite3', 'build', 'Release', 'node_sqlite3.node');
		if (!existsSync(built)) throw new Error(`sqlite3 was not built for n8n ${version}.`);
	});
	return { version, folder, node: program, script: join(folder, 'node_modules', 'n8n', 'bin', 'n8n') };
}

/**
 * Packs the package as it would be published. Each process has its own tarball, because test files run side by side.
 *
 * @returns the path of the tarball
 */
export async function packPackage(): Promise<string> {
	const folder = join(CACHE, 'packed', String(process.pid));
	mkdirSync(folder, { recursive: true });
	const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
		cwd: ROOT,
		...LONG,
	});
	const [{ filename } = { filename: '' }] = JSON.parse(stdout) as Array<{ filename: string }>;
	return join(folder, filename);
}

/** Unpacks a tarball of npm into a folder, as npm does: without the top folder of the tarball. */
export async function unpack(tarball: string, folder: string): Promise<void> {
	mkdirSync(folder, { recursive: true });
	await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
}

const POSTGRES = '/usr/lib/postgresql';

/** The folder of the newest PostgreSQL's programs. `undefined` if no server is installed. */
export function findPostgresPrograms(): string | undefined {
	if (!existsSync(POSTGRES)) return undefined;
	return readdirSync(POSTGRES)
		.sort((a, b) => Number(b) - Number(a))
		.map((version) => join(POSTGRES, version, 'bin'))
		.find((folder) => existsSync(join(folder, 'initdb')));
}

function isOnPath(program: string): boolean {
	return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** Whether a Debian package is installed, by its name. */
const IS_INSTALLED = {
	'g++': () => isOnPath('g++'),
	make: () => isOnPath('make'),
	python3: () => isOnPath('python3'),
	chromium: () => existsSync('/usr/bin/chromium'),
	graphicsmagick: () => isOnPath('gm'),
	'redis-server': () => existsSync('/usr/bin/redis-server'),
	postgresql: () => findPostgresPrograms() !== undefined,
} as const;

/**
 * Installs Debian packages, unless they are there.
 *
 * @throws if this user may not install them
 */
export async function installDebianPackages(
	names: ReadonlyArray<keyof typeof IS_INSTALLED>,
	say: Say,
): Promise<void> {
	const missing = names.filter((name) => !IS_INSTALLED[name]());
	if (missing.length === 0) return;
	const command = `apt-get update && apt-get install --yes --no-install-recommends ${missing.join(' ')}`;
	if (process.getuid?.() !== 0) throw new Error(`Not installed: ${missing.join(', ')}. As root: ${command}`);
	say(`Installing ${missing.join(', ')} from Debian ...`);
	await run('sh', ['-c', `${command} 2>&1`], {
		...LONG,
		env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
	});
}
