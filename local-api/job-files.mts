import { isV6, type Parameters } from './parameters.mts';

/** The names of the files that a job makes. */
export interface JobFiles {
	/** What its `output` links to. */
	outputs: string[];
	/** What these files refer to themselves. */
	extraAssets: string[];
}

/** Of a job that fails. */
export const NO_FILES: JobFiles = { outputs: [], extraAssets: [] };

/** @param filePrefix what all of the names begin with, in an OBJ's case also what its files call each other */
export function fileNamesOf(parameters: Parameters, filePrefix: string): JobFiles {
	const named = (endings: string[]): string[] => endings.map((ending) => `${filePrefix}${ending}`);
	if (isV6(parameters)) {
		const { outputFormat, render } = parameters;
		return {
			outputs: named([`.${outputFormat}`, ...(render ? ['.gif'] : [])]),
			extraAssets: named(outputFormat === 'obj' ? ['.mtl', '.png'] : []),
		};
	}
	const { batchSize, outputType } = parameters;
	const endings = batchSize === 1 ? [''] : Array.from({ length: batchSize }, (_, index) => `-${index}`);
	return { outputs: named(endings.map((ending) => `${ending}.${outputType}`)), extraAssets: [] };
}
