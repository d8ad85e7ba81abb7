// What the node logs stands in the way of what the runner says.
process.env.N8N_LOG_LEVEL ??= 'silent';

/** ES modules among the dependencies of n8n-core 2.0.0, of the stand-in service, of the release, and of the test of the documents. */
const esModules = [
	'p-retry',
	'is-network-error',
	'p-queue',
	'p-timeout',
	'meshoptimizer',
	'property-graph',
	'keep-a-changelog',
	'marked',
	'github-slugger',
	'get-port',
	'p-limit',
	'yocto-queue',
	'markdown-table',
].join('|');

/** @type {import('jest').Config} */
module.exports = {
	rootDir: __dirname,
	testEnvironment: 'node',
	// They need whole n8n's: `npm run e2e`. They take long: `npm run test:faults`.
	testPathIgnorePatterns: ['/test/e2e/', '/test/faults/places/'],
	// Only for what hangs: a busy machine may well take a minute for a test that makes real meshes.
	testTimeout: 120_000,
	testMatch: ['**/*.test.ts'],
	moduleFileExtensions: ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json', 'node'],
	transform: {
		'\\.[mc]ts$': '<rootDir>/support/esm-transform.cjs',
		[`/node_modules/(${esModules})/.*\\.m?js$`]: '<rootDir>/support/esm-transform.cjs',
		// Types are checked once, by `npm run typecheck`.
		'\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.json', diagnostics: false }],
	},
	transformIgnorePatterns: [`/node_modules/(?!(${esModules})/)`],
};
