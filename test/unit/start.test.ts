import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import manifest from '../../package.json';
import { RECIPES } from '../../n8n/real/install.mts';
import { API_VERSIONS } from '../../nodes/ImgTo3d/api/versions';
import { runScript } from '../support/run-script.mts';

const START = 'scripts/start.cts';

test.each(['--help', '-h'])('npm start -- %s says what it takes, and runs nothing', async (flag) => {
	const { code, printed } = await runScript(START, flag);
	expect(code).toBe(0);
	for (const version of API_VERSIONS) expect(printed).toContain(`${version} = `);
	expect(printed).toContain('IMG_TO_3D_API_KEY');
	expect(printed).not.toContain("in n8n's engine");
});

test.each([
	[['--version', 'v4'], 'not "v4"'],
	[['--key', 'x'], '--key'],
])('npm start -- %p is refused with what it takes', async (args, problem) => {
	const { code, printed } = await runScript(START, ...args);
	expect(code).toBe(2);
	expect(printed).toContain(problem);
	expect(printed).toContain('Usage: npm start');
});

test.each([
	[
		['--out', 'package.json'],
		'package.json (EEXIST). Name another folder with --out. Nothing was submitted.',
	],
	[['samples'], 'samples is a folder. Give an image file'],
	[['none.png'], 'No such file: none.png. Give an image file'],
	[['http://'], 'http:// is not a link. Give an image file'],
])('npm start -- %p ends before anything is submitted', async (args, problem) => {
	const { code, printed } = await runScript(START, ...args);
	expect(code).toBe(1);
	expect(printed).toContain(problem);
	expect(printed).not.toContain('POST');
});

const EDITOR = 'scripts/editor.mts';

test('npm run editor -- --help says what it takes, and starts nothing', async () => {
	const { code, printed } = await runScript(EDITOR, '--help');
	expect(code).toBe(0);
	expect(printed).toContain('--port');
	for (const version of Object.keys(RECIPES)) expect(printed).toContain(version);
	expect(printed).not.toContain('Starting');
});

test.each([
	[['--nonsense'], "'--nonsense'"],
	[['--port', '99999'], '"99999"'],
	[['--port', '0x1F'], '"0x1F"'],
	[['--version', '1.0.0'], '1.0.0'],
])('npm run editor -- %p is refused with what it takes', async (args, problem) => {
	const { code, printed } = await runScript(EDITOR, ...args);
	expect(code).toBe(2);
	expect(printed).toContain(problem);
	expect(printed).toContain('Usage: npm run editor');
});

test.each([
	['20.18.9', 1],
	['18.20.8', 1],
	['20.19.0', 0],
	['22.0.0', 0],
])('on Node %s, the setup ends with %i', async (node, code) => {
	const preload = join(mkdtempSync(join(tmpdir(), 'node-')), 'preload.cjs');
	writeFileSync(
		preload,
		`Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } });`,
	);
	const result = spawnSync(process.execPath, ['--require', preload, 'scripts/setup.mjs', 'light'], {
		encoding: 'utf8',
	});
	expect(result.status).toBe(code);
	if (code > 0) expect(result.stderr).toContain(`This is Node ${node}. It needs Node 20.19 or later`);
});

test('a build that cannot write says why', () => {
	const folder = mkdtempSync(join(tmpdir(), 'build-'));
	symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
	writeFileSync(join(folder, 'index.ts'), '');
	writeFileSync(join(folder, 'tsconfig.json'), '{}');
	// The file for the node would be inside a file.
	const n8n = { nodes: ['index.ts/Node.node.js'], credentials: [] };
	writeFileSync(join(folder, 'package.json'), JSON.stringify({ main: 'dist/index.js', n8n }));
	copyFileSync('gulpfile.js', join(folder, 'gulpfile.js'));
	const [, flags = ''] = / gulp (.+)$/.exec(manifest.scripts.build) ?? [];
	const gulp = resolve('node_modules', 'gulp', 'bin', 'gulp.js');
	const args = [gulp, ...flags.split(' '), '--gulpfile', join(folder, 'gulpfile.js')];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
	expect(status).toBe(1);
	expect(stdout + stderr).toContain('index.ts');
});
