// What the node logs stands in the way of what the runner says.
process.env.N8N_LOG_LEVEL ??= 'silent';

const { devDependencies } = require('../package.json');

/** What our files import. jest itself would take its own packages for some of them. */
const packages = Object.keys(devDependencies)
	.filter((name) => !name.includes('jest'))
	.join('|');

/** @type {import('jest').Config} */
module.exports = {
	rootDir: __dirname,
	testEnvironment: '<rootDir>/support/shared-realm.cjs',
	// `npm run e2e` needs n8n servers. `npm run test:faults`, `npm run test:model` and `npm run test:publish` take long.
	testPathIgnorePatterns: ['/test/e2e/', '/test/faults/places/', '/test/local-api/model/', '/test/publish/'],
	// Only for what hangs: a busy machine may well take a minute for a test that makes real meshes.
	testTimeout: 120_000,
	// jest itself would leave one core idle.
	maxWorkers: '100%',
	// A worker that has loaded n8n-core takes longer to end than jest's half a second.
	workerGracefulExitTimeout: 10_000,
	testMatch: ['**/*.test.ts'],
	moduleFileExtensions: ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json', 'node'],
	transform: {
		[`/node_modules/(${packages})/.*\\.[cm]?js$`]: '<rootDir>/support/native-package.cjs',
		'\\.[mc]ts$': '<rootDir>/support/esm-transform.cjs',
		// Types are checked once, by `npm run typecheck`.
		'\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.json', diagnostics: false }],
	},
	transformIgnorePatterns: [],
};
