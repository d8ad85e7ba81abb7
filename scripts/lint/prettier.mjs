/** @type {import('prettier').Config} */
export default {
	useTabs: true,
	singleQuote: true,
	printWidth: 110,
	// Documents are wrapped by hand.
	overrides: [{ files: '*.md', options: { requirePragma: true } }],
};
