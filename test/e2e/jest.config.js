const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/**
 * The tests on n8n servers. Two files run side by side: a test mostly waits for its n8n server.
 *
 * @type {import('jest').Config}
 */
module.exports = {
	...common,
	roots: [__dirname],
	// It takes long: `npm run test:retries`.
	testPathIgnorePatterns: process.env.npm_lifecycle_event === 'test:retries' ? [] : ['/retries.test'],
	maxWorkers: 2,
	// n8n takes long to start, and longer when two start at once.
	testTimeout: 15 * 60_000,
};
