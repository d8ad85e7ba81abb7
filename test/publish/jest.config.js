const { testPathIgnorePatterns: _ignored, ...common } = require('../jest.config.js');

/**
 * The tests of what is published: `npm run test:publish`. They run n8n's package scanner, and releases of small repositories.
 *
 * @type {import('jest').Config}
 */
module.exports = { ...common, roots: [__dirname] };
