import { SOLIDS } from '../../local-api/model/solids.mts';
import { readStart, run, settingsWith } from './program.mts';

test('the flags become settings', async () => {
	expect(await settingsWith('--job-seconds', '5-15', '--parallel=3')).toMatchObject({
		jobSeconds: { from: 5, to: 15, seed: 1 },
		parallel: 3,
		queueLimit: 5,
	});
});

test('a wrong flag is named, and the usage is printed', async () => {
	const { code, printed } = await run('--job-seconds=soon');
	expect(code).toBe(2);
	expect(printed).toMatch(/^--job-seconds takes .*"soon".*Usage: local-api/s);
});

test('--help lists the flags', async () => {
	const { code, printed } = await run('--help');
	expect(code).toBe(0);
	for (const flag of ['port', 'job-seconds', 'parallel', 'queue-limit', 'webhooks']) {
		expect(printed).toContain(`\n  --${flag} `);
	}
});

test('the start names all versions, the keys that are refused, and the shapes that words make', async () => {
	const printed = await readStart();
	for (const version of ['version 3', 'version 6', 'enterprise']) expect(printed).toContain(version);
	for (const key of ['wrong-key', 'empty-wallet', 'no-list']) expect(printed).toContain(`"${key}"`);
	for (const { name } of SOLIDS) expect(printed).toContain(name);
});
