/** The parts of n8n's package scanner that the scan uses. The scanner has no types. */
declare module '@n8n/scan-community-package/scanner/scanner.mjs' {
	export interface Analysis {
		passed: boolean;
		/** Why it has not passed, or that there was nothing to lint. */
		message?: string;
		/** The output of the lint. */
		details?: string;
	}
	/** Globs of the sources that the scanner lints. */
	export const SOURCE_FILE_PATTERNS: string[];
	/** Lints a folder as the scanner does: with all of n8n's rules, and without regard to `eslint-disable`. */
	export function analyzePackage(folder: string, filePatterns: string[]): Promise<Analysis>;
}
