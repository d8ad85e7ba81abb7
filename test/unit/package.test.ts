import type { INodeProperties } from 'n8n-workflow';

import * as entry from '../../index';
import codex from '../../nodes/ImgTo3d/ImgTo3d.node.json';
import triggerCodex from '../../nodes/ImgTo3d/ImgTo3dTrigger.node.json';
import manifest from '../../package.json';
import { readText } from '../support/own-files.mts';
import { packedFiles, readBuiltTrace, trace } from './npm.mts';

let files: string[];
beforeAll(() => {
	files = packedFiles();
});

const readBuiltFiles = () => {
	if (!files.includes(manifest.main)) throw new Error('Run "npm run build" first: the package is not built.');
	return files;
};

const nodes = [new entry.ImgTo3d().description, new entry.ImgTo3dTrigger().description];

test('the package holds only what n8n loads, and the documents that go with it', () => {
	const documents = ['LICENSE.md', 'README.md', 'package.json'];
	expect(readBuiltFiles()).toEqual(
		expect.arrayContaining([...documents, ...manifest.n8n.nodes, ...manifest.n8n.credentials, manifest.main]),
	);
	for (const file of files.filter((path) => !documents.includes(path))) {
		expect(file).toMatch(
			/^dist\/(index\.js|credentials\/.+\.credentials\.js|nodes\/.+\.node\.(js|json)|icons\/.+\.svg)$/,
		);
	}
});

test('a stack trace of the build leads to the sources', () => {
	const built = readBuiltTrace();
	expect(built).not.toContain('item-loop');
	const [, path = '', line] = /\((nodes\/ImgTo3d\/[^:]+):(\d+):\d+\)/.exec(trace(built)) ?? [];
	expect(readText(path).split('\n')[Number(line) - 1]).toContain('getInputData');
});

test.each([
	['/home/node/.n8n/nodes/node_modules/', '/dist/index.js:9:30'],
	['C:\\Users\\me\\.n8n\\nodes\\node_modules\\', '\\dist\\index.js:9:30'],
])('only a position in the bundle of this package leads to the sources: %s', (modules, position) => {
	expect(trace(`at a (${modules}${manifest.name}${position})\n`)).toMatch(
		/^at a \(nodes\/ImgTo3d\/.+\.ts:\d+:\d+\)\n$/,
	);
	const other = `at a (${modules}@n8n/di${position})\n`;
	expect(trace(other)).toBe(other);
});

test('the package depends on nothing', () => {
	expect(manifest).not.toHaveProperty('dependencies');
	expect(manifest.peerDependencies).toEqual({ 'n8n-workflow': '*' });
	// n8n brings it. Installed by hand, npm would fetch a second one, 132 packages with a native one that needs Node 24.
	expect(manifest.peerDependenciesMeta).toEqual({ 'n8n-workflow': { optional: true } });
});

test('the entry exports every node and credential that the manifest names, and their icons are packed', () => {
	const named = [...manifest.n8n.nodes, ...manifest.n8n.credentials].map(
		(path) => /([^/]+)\.(node|credentials)\.js$/.exec(path)?.[1],
	);
	expect(Object.keys(entry).sort()).toEqual(named.sort());
	const icons = [...nodes.map(({ icon }) => icon), new entry.StableDiffusionApi().icon]
		.flatMap((icon) => Object.values(icon as Record<string, string>))
		.map((icon) => icon.replace(/^file:(\.\.\/)+/, 'dist/'));
	expect(readBuiltFiles()).toEqual(expect.arrayContaining(icons));
});

test('the nodes panel can find the nodes by aliases', () => {
	for (const [index, sheet] of [codex, triggerCodex].entries()) {
		expect(sheet.node).toBe(`${manifest.name}.${nodes[index]?.name}`);
		expect(sheet.alias).toEqual(
			expect.arrayContaining([
				'3D model',
				'turntable',
				'mesh',
				'GLB',
				'photogrammetry',
				'ModelsLab',
				'img_to_3d',
			]),
		);
	}
});

test('every field has a description, and every field that is typed into has a placeholder', () => {
	const fields = (list: INodeProperties[]): INodeProperties[] =>
		list.flatMap((field) => [
			field,
			...(field.type === 'collection' ? fields(field.options as INodeProperties[]) : []),
		]);
	for (const field of [
		...nodes.flatMap(({ properties }) => fields(properties)),
		...new entry.StableDiffusionApi().properties,
	]) {
		if (field.type === 'notice') continue;
		expect([field.name, field.description]).toEqual([field.name, expect.stringMatching(/\w{3}/)]);
		if (field.type !== 'string' && field.type !== 'number') continue;
		expect([field.name, field.placeholder]).toEqual([field.name, expect.stringMatching(/^e\.g\. \S/)]);
	}
});
