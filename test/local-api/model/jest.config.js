const { testPathIgnorePatterns: _ignored, ...common } = require('../../jest.config.js');

/**
 * The tests of the stand-in service's geometry: `npm run test:model`. They make hundreds of meshes.
 *
 * @type {import('jest').Config}
 */
module.exports = { ...common, roots: [__dirname] };
