const { roots: _roots, testPathIgnorePatterns: _ignored, ...common } = require('./jest.config.js');

/** The tests on real n8n's: one after the other, and with time for n8n to start. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: ['<rootDir>/test/e2e'],
	// It takes long: `npm run test:retries`.
	testPathIgnorePatterns: process.env.npm_lifecycle_event === 'test:retries' ? [] : ['/retries.test'],
	maxWorkers: 1,
	// The first test file may have to install an n8n.
	testTimeout: 15 * 60_000,
};
