const { rm } = require('node:fs/promises');
const { src, dest, parallel } = require('gulp');

/** Copies the icons to where the compiled nodes and credentials expect them. */
const copyIcons = () => src('icons/*.svg', { encoding: false }).pipe(dest('dist/icons'));

/** Copies the codex files (categories, aliases, links) beside the compiled nodes. */
const copyCodex = () => src('nodes/**/*.node.json').pipe(dest('dist/nodes'));

/** Removes earlier builds, which must not get into the package. */
exports.clean = () => rm('dist', { recursive: true, force: true });
exports.assets = parallel(copyIcons, copyCodex);
