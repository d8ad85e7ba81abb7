import { readFlags, UsageError } from '../../local-api/flags.mts';

const read = (...args: string[]) => readFlags(args);

test('without flags, the program has the settings of the usage', () => {
	expect(read()).toEqual({ port: 3003, jobSeconds: 3, parallel: 2, queueLimit: 5, webhooks: 'once' });
});

test.each([
	['7.5', 7.5],
	['0', 0],
	['5-15', { from: 5, to: 15, seed: 1 }],
])('--job-seconds %s', (text, jobSeconds) => {
	expect(read('--job-seconds', text)).toMatchObject({ jobSeconds });
});

test.each([
	['never', 'never'],
	['-5', { delaySeconds: -5 }],
])('--webhooks=%s', (text, webhooks) => {
	expect(read(`--webhooks=${text}`)).toMatchObject({ webhooks });
});

test.each([
	['job-seconds', '15-5'],
	['job-seconds', '5-'],
	['job-seconds', 'soon'],
	['job-seconds', '-1'],
	['port', '65536'],
	['parallel', '1.5'],
	['queue-limit', ''],
	['webhooks', 'thrice'],
])('--%s=%s is refused, with what the flag takes', (flag, text) => {
	const reading = () => read(`--${flag}=${text}`);
	expect(reading).toThrow(UsageError);
	expect(reading).toThrow(new RegExp(`^--${flag} takes .*, not "${text}"$`));
});

test.each([['--fast'], ['3003']])('%s is refused', (arg) => {
	expect(() => read(arg)).toThrow(UsageError);
});

test.each(['--help', '-h'])('%s asks for the usage', (flag) => {
	expect(read(flag)).toBe('help');
});
