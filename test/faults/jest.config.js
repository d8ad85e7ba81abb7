const { join } = require('node:path');

const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/** The fault table: `npm run test:faults`. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: [join(__dirname, 'places')],
	maxWorkers: 2,
};
