const { rm } = require('node:fs/promises');
const { src, dest, parallel } = require('gulp');

/** The icons, where the compiled nodes and credentials look for them. */
const icons = () => src('icons/*.svg', { encoding: false }).pipe(dest('dist/icons'));

/** The codex files (categories, aliases, links), beside the compiled nodes. */
const codex = () => src('nodes/**/*.node.json').pipe(dest('dist/nodes'));

/** What an earlier build left must not get into the package. */
exports.clean = () => rm('dist', { recursive: true, force: true });
exports.assets = parallel(icons, codex);
