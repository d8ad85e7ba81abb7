/** The lint of files that are never published: the stand-in service, the engine, scripts and test helpers. */
import js from '@eslint/js';
import { globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default tseslint.config(
	globalIgnores(['**/node_modules', 'dist', 'out', '.cache']),
	{
		files: ['**/*.mts', '**/*.cts'],
		extends: [js.configs.recommended, tseslint.configs.strict],
		rules: {
			eqeqeq: 'error',
			'no-undef': 'off',
		},
	},
	{
		// Geometry and pixels are in typed arrays. For TypeScript, their entries can be missing.
		files: ['local-api/**'],
		rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
	},
);
