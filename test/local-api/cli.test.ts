import { run, settingsWith } from './program.mts';

test.each([
	['7.5', 7.5],
	['5-15', { from: 5, to: 15, seed: 1 }],
])('--job-seconds %s', async (text, jobSeconds) => {
	expect(await settingsWith('--job-seconds', text)).toMatchObject({ jobSeconds, parallel: 2, queueLimit: 5 });
});

test.each(['15-5', '5-', 'soon', '-1'])(
	'--job-seconds=%s is refused, and the usage is printed',
	async (text) => {
		const { code, printed } = await run(`--job-seconds=${text}`);
		expect(code).toBe(2);
		expect(printed).toMatch(/^--job-seconds takes .*Usage: local-api/s);
		expect(printed).toContain(`"${text}"`);
	},
);

test('--help lists the flags', async () => {
	const { code, printed } = await run('--help');
	expect(code).toBe(0);
	for (const flag of ['port', 'job-seconds', 'parallel', 'queue-limit', 'webhooks']) {
		expect(printed).toContain(`\n  --${flag} `);
	}
});
