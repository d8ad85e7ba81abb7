/** The tables of the measurements. */
import { markdownTable } from 'markdown-table';
import { median } from 'simple-statistics';

/** A question, and the figures that answer it. */
export interface Table {
	question: string;
	/** How it was measured, in a few sentences: sizes, clocks, repetitions. */
	how: string;
	columns: string[];
	rows: string[][];
}

/** Writes a table as Markdown. */
export function toMarkdown({ question, how, columns, rows }: Table): string {
	const table = markdownTable([columns, ...rows.map((row) => columns.map((_, index) => row[index] ?? ''))]);
	return [`### ${question}`, '', how, '', table, ''].join('\n');
}

/**
 * Writes the median of values, and in brackets the least and the most.
 *
 * @param format writes one value
 */
export function formatSpread(values: readonly number[], format: (value: number) => string): string {
	return `${format(median([...values]))} (${format(Math.min(...values))} to ${format(Math.max(...values))})`;
}

/** Writes an entry of the column "met". */
export const formatVerdict = (isMet: boolean): string => (isMet ? 'yes' : 'no');

/** Whether an entry of the column "met" says that the aim was missed. */
export const isMissed = (entry: string): boolean => entry.startsWith(formatVerdict(false));

/** Writes whether a figure is within its bound, and by which share of it. */
export function compareWithBound(figure: number, bound: number): string {
	const share = `${Math.abs((figure / bound - 1) * 100).toFixed(0)} %`;
	const isMet = figure <= bound;
	return `${formatVerdict(isMet)}, ${share} ${isMet ? 'below' : 'above'}`;
}
