const { mkdir, rm, writeFile } = require('node:fs/promises');
const { basename, dirname, relative } = require('node:path');
const { build } = require('esbuild');
const { src, dest, parallel, series } = require('gulp');
const { minify } = require('terser');

const { main, n8n } = require('./package.json');

/** Removes earlier builds, which must not get into the package. */
const clean = () => rm('dist', { recursive: true, force: true });

/**
 * Puts all code into one file. n8n loads it at each start: a hundred files take three times as long, because Node looks for each.
 * Comments and whitespace are left out, and the names of variables and functions are shortened: they are a quarter of the tarball. The
 * source map beside it, which is not published, leads back: `npm run trace`. Classes keep their names, because errors show them.
 */
async function bundle() {
	const { outputFiles } = await build({
		entryPoints: ['index.ts'],
		outfile: main,
		write: false,
		bundle: true,
		platform: 'node',
		target: 'node20.19',
		format: 'cjs',
		charset: 'utf8',
		external: ['n8n-workflow'],
		tsconfig: 'tsconfig.json',
		sourcemap: 'inline',
		sourcesContent: false,
	});
	const { code, map } = await minify(outputFiles[0].text, {
		ecma: 2020,
		toplevel: true,
		// A function that moves to where it is called would not be in a stack trace.
		compress: { inline: false, reduce_funcs: false, keep_classnames: true },
		mangle: { keep_classnames: true },
		// Node prints the line of an error that nobody caught.
		format: { max_line_len: 1000 },
		sourceMap: { content: 'inline' },
	});
	await mkdir(dirname(main), { recursive: true });
	await Promise.all([writeFile(main, code), writeFile(`${main}.map`, map)]);
}

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
