import { Copy, scan } from './scan.mts';

test("n8n's package scanner passes the sources and the packed package", async () => {
	const { code, printed } = await scan();
	expect(printed).toMatch(/^sources: passed\ntarball: passed\n/);
	expect(code).toBe(0);
});

test('it finds what a published version must not hold, also behind an eslint-disable', async () => {
	const copy = await Copy.make();
	try {
		const spoilt: Array<[file: string, line: string, rule: string]> = [
			[`${copy.sources}/nodes/ImgTo3d/api/url.ts`, "import 'node:fs';", 'no-restricted-imports'],
			[
				`${copy.unpacked}/dist/index.js`,
				"/* eslint-disable */ require('fs'); process.env.HOME; console.log(1);",
				'no-restricted-imports',
			],
			[`${copy.unpacked}/dist/nodes/ImgTo3d/ImgTo3d.node.js`, 'process.env.HOME;', 'no-restricted-globals'],
			[
				`${copy.unpacked}/dist/credentials/StableDiffusionApi.credentials.js`,
				'console.log(1);',
				'no-console',
			],
		];
		for (const [file, line] of spoilt) copy.prepend(file, `${line}\n`);
		const { code, printed } = await scan(copy.sources, copy.unpacked);
		expect(code).toBe(1);
		// One report for each file that it lists, and no other file.
		const reports = printed.split(/^(?=\/.*\n)/m).slice(1);
		expect(reports.map((report) => report.split('\n')[0]).sort()).toEqual(
			spoilt.map(([file]) => file).sort(),
		);
		for (const [file, , rule] of spoilt) {
			expect(reports.find((report) => report.startsWith(`${file}\n`))).toContain(rule);
		}
	} finally {
		copy.remove();
	}
});

test('nothing to scan is no pass', async () => {
	const { code, printed } = await scan('samples', 'samples');
	expect(printed).toContain('No files found to analyze');
	expect(code).toBe(1);
});
