const { roots: _roots, testPathIgnorePatterns: _ignored, ...common } = require('./jest.config.js');

/** All cells of the fault table: `npm run test:faults`. @type {import('jest').Config} */
module.exports = {
	...common,
	roots: ['<rootDir>/test/faults/places'],
	maxWorkers: 2,
};
