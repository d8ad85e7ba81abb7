/** Jest transform for packages: Node itself loads them, by `shared-realm.cjs`, once for all test files of a worker. */
module.exports = { process: () => ({ code: 'module.exports = requireNatively(__filename);' }) };
