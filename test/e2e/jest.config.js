const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/** The tests on n8n servers. They run one file after another. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: [__dirname],
	// It takes long: `npm run test:retries`.
	testPathIgnorePatterns: process.env.npm_lifecycle_event === 'test:retries' ? [] : ['/retries.test'],
	maxWorkers: 1,
	// n8n takes long to start.
	testTimeout: 15 * 60_000,
};
