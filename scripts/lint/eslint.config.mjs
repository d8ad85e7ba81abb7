/** The lint of what never leaves the repository: the stand-in service, the engine, scripts and test helpers. */
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
		// Geometry and pixels live in typed arrays, whose entries TypeScript takes for possibly missing.
		files: ['local-api/**'],
		rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
	},
);
