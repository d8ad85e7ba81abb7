const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/** Whether the environment names an n8n server that runs already. */
const hasServer = Boolean(process.env.IMG_TO_3D_N8N);

/** It takes long: `npm run test:retries`. */
const skipped = process.env.npm_lifecycle_event === 'test:retries' ? [] : ['/retries.test'];

/** The tests on n8n servers. They run one file after another. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: [__dirname],
	...(hasServer ? { testMatch: ['**/given-server.test.ts'] } : {}),
	testPathIgnorePatterns: hasServer ? [] : ['/given-server.test', ...skipped],
	maxWorkers: 1,
	// n8n takes long to start.
	testTimeout: 15 * 60_000,
};
