const { mkdir, rm, writeFile } = require('node:fs/promises');
const { basename, dirname, relative } = require('node:path');
const { build } = require('esbuild');
const { src, dest, parallel, series } = require('gulp');

const { main, n8n } = require('./package.json');

/** Removes earlier builds, which must not get into the package. */
const clean = () => rm('dist', { recursive: true, force: true });

/**
 * Puts all code into one file. n8n loads it at each start: a hundred files take three times as long, because Node looks for each.
 * Whitespace and comments are left out: they are a sixth of the tarball. Names stay as they are, so that a stack trace names the
 * functions, and a formatter makes the code readable.
 */
const bundle = () =>
	build({
		entryPoints: ['index.ts'],
		outfile: main,
		bundle: true,
		platform: 'node',
		target: 'node20.19',
		format: 'cjs',
		charset: 'utf8',
		minifyWhitespace: true,
		minifySyntax: true,
		// Node prints the line of an error that nobody caught.
		lineLimit: 1000,
		external: ['n8n-workflow'],
		tsconfig: 'tsconfig.json',
	});

/** Writes the files in which n8n looks for each node and credential, by the file's name. */
const writeDoors = () =>
	Promise.all(
		[...n8n.nodes, ...n8n.credentials].map(async (path) => {
			const [name] = basename(path).split('.');
			const target = relative(dirname(path), main);
			await mkdir(dirname(path), { recursive: true });
			await writeFile(path, `"use strict";\nexports.${name} = require("${target}").${name};\n`);
		}),
	);

/** Copies the icons to where the nodes and credentials expect them. */
const copyIcons = () => src('icons/*.svg', { encoding: false }).pipe(dest('dist/icons'));

/** Copies the codex files (categories, aliases, links) beside the nodes. */
const copyCodex = () => src('nodes/**/*.node.json').pipe(dest('dist/nodes'));

exports.default = series(clean, parallel(bundle, writeDoors, copyIcons, copyCodex));
