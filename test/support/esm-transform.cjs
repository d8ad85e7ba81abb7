/**
 * Jest transform for what is an ES module and has to be CommonJS for jest's runtime on Node 20: our `.mts`
 * files (ts-jest keeps them ES modules), and a few packages that n8n-core's dependencies require.
 */
const ts = require('typescript');

module.exports = {
	process(source, path) {
		const { outputText } = ts.transpileModule(source, {
			fileName: path.replace(/\.[mc](ts|js)$/, '.$1'),
			compilerOptions: {
				allowJs: true,
				target: ts.ScriptTarget.ES2022,
				module: ts.ModuleKind.CommonJS,
				esModuleInterop: true,
				inlineSourceMap: true,
			},
		});
		return { code: outputText };
	},
};
