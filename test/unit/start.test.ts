import { RECIPES } from '../../n8n/real/install.mts';
import { API_VERSIONS } from '../../nodes/ImgTo3d/api/versions';
import { runBrokenBuild, runScript, runSetupOnNode, startNewClone } from '../support/run-script.mts';

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

test('npm start needs no build', () => {
	const { code, printed, files } = startNewClone('samples/duck.png');
	expect(printed).toContain('1 item(s) after');
	expect(code).toBe(0);
	expect([...files.keys()]).toEqual(['duck.gif']);
	expect(files.get('duck.gif')?.subarray(0, 6).toString()).toBe('GIF89a');
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
])('on Node %s, the setup ends with %i', (node, wanted) => {
	const { code, printed } = runSetupOnNode(node);
	expect(code).toBe(wanted);
	if (code) expect(printed).toContain(`This is Node ${node}. It needs Node 20.19 or later`);
});

test('a build that cannot write says why', () => {
	const { code, printed } = runBrokenBuild();
	expect(code).toBe(1);
	expect(printed).toContain('index.ts');
});
