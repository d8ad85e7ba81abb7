/** The tables in which measurements are told. */

/** A question, and the figures that answer it. */
export interface Table {
	question: string;
	/** How it was measured, in a sentence or two: sizes, clocks, repetitions. */
	how: string;
	columns: string[];
	rows: string[][];
}

/** A table as Markdown, with columns of even width. */
export function asMarkdown({ question, how, columns, rows }: Table): string {
	const widths = columns.map((column, index) =>
		Math.max(column.length, 3, ...rows.map((row) => (row[index] ?? '').length)),
	);
	const line = (cells: readonly string[]) =>
		`| ${widths.map((width, index) => (cells[index] ?? '').padEnd(width)).join(' | ')} |`;
	const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
	return [`### ${question}`, '', how, '', line(columns), rule, ...rows.map(line), ''].join('\n');
}

/** The value below which a share of the values lies, by the nearest rank. @param share from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median, and in brackets the least and the most. @param format writes one value */
export function spread(values: readonly number[], format: (value: number) => string): string {
	return `${format(median(values))} (${format(Math.min(...values))} to ${format(Math.max(...values))})`;
}

/** What stands in the column "met". */
export const verdict = (isMet: boolean): string => (isMet ? 'yes' : 'no');

/** Whether an entry of the column "met" says that the aim was missed. */
export const isMissed = (entry: string): boolean => entry.startsWith(verdict(false));

/** Whether a figure is within its bound, and by how much of it. */
export function met(figure: number, bound: number): string {
	const share = `${Math.abs((figure / bound - 1) * 100).toFixed(0)} %`;
	const isMet = figure <= bound;
	return `${verdict(isMet)}, ${share} ${isMet ? 'below' : 'above'}`;
}
