import { isV6, type Parameters } from './parameters.mts';

/** The names of the files that a job makes. */
export interface JobFiles {
	/** The files that `output` links to. */
	outputs: string[];
	/** The files that those refer to. */
	extraAssets: string[];
}

/** The files of a job that fails. */
export const NO_FILES: JobFiles = { outputs: [], extraAssets: [] };

/** @param filePrefix the beginning of all names. The files of an OBJ also refer to each other by it. */
export function nameFiles(parameters: Parameters, filePrefix: string): JobFiles {
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
