/** What the scan uses of n8n's package scanner, which comes without types. */
declare module '@n8n/scan-community-package/scanner/scanner.mjs' {
	export interface Analysis {
		passed: boolean;
		/** Why not; or that there was nothing to lint. */
		message?: string;
		/** What the lint found, as it prints it. */
		details?: string;
	}
	/** What the scanner lints of sources, globs. */
	export const SOURCE_FILE_PATTERNS: string[];
	/** Lints a folder as the scanner does: with all of n8n's rules, and deaf to `eslint-disable`. */
	export function analyzePackage(folder: string, filePatterns: string[]): Promise<Analysis>;
}
