const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/** The tests on n8n servers: one file after the other, and with time for n8n to start. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: [__dirname],
	// It takes long: `npm run test:retries`.
	testPathIgnorePatterns: process.env.npm_lifecycle_event === 'test:retries' ? [] : ['/retries.test'],
	maxWorkers: 1,
	// The first test file may have to install an n8n.
	testTimeout: 15 * 60_000,
};
