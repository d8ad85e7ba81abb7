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
