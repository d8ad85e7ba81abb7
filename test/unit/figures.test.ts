import { readText } from '../support/own-files.mts';
import { Document } from './markdown.mts';

/** Where a figure is in `bench/RESULTS.md`. */
interface Source {
	question: string;
	/** The first cells of its row. */
	row: readonly string[];
	/** Whether it is in the row after that one, whose own name is not unique. */
	isNext?: boolean;
	column: string;
	/** Which number of the cell, from 0. */
	number?: number;
	/** Makes the quoted figure of the number. */
	convert?: (value: number) => number;
}

/** A sentence that quotes figures. */
interface Quote {
	/** Each figure is a group. */
	sentence: RegExp;
	/** For each figure: what it is, rounded. With several sources, it is at least as large as all of them. */
	figures: ReadonlyArray<Source | readonly Source[]>;
}

const results = new Document('bench/RESULTS.md').tables();

/** @throws Error if the results do not have it */
function readFigure({ question, row, isNext, column, number = 0, convert }: Source): number {
	const table = results.find(({ heading }) => heading === question);
	const named =
		table?.rows.findIndex((cells) => row.every((text, index) => cells[index]?.text === text)) ?? -1;
	const found = named < 0 ? undefined : table?.rows[isNext ? named + 1 : named];
	const cell = found?.[table?.columns.indexOf(column) ?? -1]?.text;
	const value = cell?.match(/-?\d[\d,]*(\.\d+)?/g)?.[number];
	if (value === undefined)
		throw new Error(`RESULTS.md has no ${row.join(', ')}: ${column} for "${question}".`);
	const figure = Number(value.replaceAll(',', ''));
	return convert ? convert(figure) : figure;
}

/** @returns the text under a heading of the second level */
function readSection(path: string, heading: string): string {
	const [, section = ''] = readText(path).split(`\n## ${heading}\n`);
	return (section.split('\n## ')[0] ?? '').replaceAll(/\s+/g, ' ');
}

/** @returns what is wrong with the figures of a sentence */
function compare(section: string, { sentence, figures }: Quote): string[] {
	const [, ...quoted] = sentence.exec(section) ?? [];
	if (quoted.length !== figures.length) return [`${sentence.source} has ${quoted.length} figures`];
	return figures.flatMap((source, index) => {
		const figure = quoted[index] ?? '';
		const digits = figure.split('.')[1]?.length ?? 0;
		if ('question' in source) {
			const value = readFigure(source).toFixed(digits);
			return Number(figure.replaceAll(',', '')) === Number(value)
				? []
				: [`${figure} is ${value}: ${sentence.source}`];
		}
		const most = Math.max(...source.map(readFigure));
		return Number(figure) >= most ? [] : [`${figure} is less than ${most}: ${sentence.source}`];
	});
}

const JOBS = 'How long do 40 jobs take together?';
const inPercent = (ratio: number) => (ratio - 1) * 100;
const makespan = (contender: string, convert?: Source['convert']): Source => ({
	question: JOBS,
	row: [contender],
	column: 'makespan / bound',
	convert,
});

const DETECTION = 'How soon does the node know the end of a job, and after how many polls?';
const DELAY = 'delay, median';
const POLLS = 'polls, median (min to max)';
const RENEWED = [
	'ETA right within 20 %, one factor a job',
	'ETA right within 20 %, one factor an answer',
	'ETA right within 40 %, one factor a job',
	'ETA right within 40 %, one factor an answer',
];
const SAID_ONCE = ['ETA right within 20 %, said once', 'ETA right within 40 %, said once'];
const LONG = ['20 s', '200 s'];
const detection = (etas: readonly string[], durations: readonly string[], column: string): Source[] =>
	etas.flatMap((eta) => durations.map((duration) => ({ question: DETECTION, row: [eta, duration], column })));
const TAUGHT = [...RENEWED, ...SAID_ONCE, 'ETA missing'].map((eta) => `${eta}, after three jobs`);

const FLOOD = 'What do forged calls do to the trigger, and to n8n?';
const flood = (row: string): Source => ({ question: FLOOD, row: [row], column: 'trigger' });
/** The median and the longest time to the answer, s. */
const answers = (calls: string): Source[] =>
	[0, 1].map((number) => ({ ...flood(`true calls ${calls}, lost`), isNext: true, number }));

const files = (download: string): Source => ({
	question: 'How much memory do large files take?',
	row: [download],
	column: 'growth',
});

const cost = (loop: string): Source => ({
	question: 'What does the node cost in addition to the calls that it makes?',
	row: [loop],
	column: 'ratio',
	convert: inPercent,
});

const workers = (number: string, column: string): Source[] =>
	['3 s', '6 s', '9 s'].map((retryAfter) => ({
		question: 'How long do the jobs of several n8n processes take that share an account?',
		row: [number, retryAfter],
		column,
	}));

const suspended = (row: string, column: string): Source => ({
	question: 'What do 1000 suspended executions hold, and how are they resumed?',
	row: [row],
	column,
});

const OPERATING: Quote[] = [
	{
		sentence:
			/take ([\d.]+) % longer than the shortest possible time if the node polls, and ([\d.]+) % if the executions are suspended\. With n8n's own nodes in a loop they take ([\d.]+) % longer, and one job after another takes ([\d.]+) times as long\./,
		figures: [
			makespan('the node, polling', inPercent),
			makespan('the node, suspended', inPercent),
			makespan('stock nodes: batches of 5, Wait 5 s', inPercent),
			makespan('one after another, polled every 5 s'),
		],
	},
	{
		sentence: /can't see each other, take at most ([\d.]+) times as long as the shortest possible time/,
		figures: [workers('4', 'makespan / bound')],
	},
	{
		sentence:
			/the end of a job within ([\d.]+) % of its duration \(median\)\. Without an estimate it is within ([\d.]+) %/,
		figures: [detection(RENEWED, LONG, DELAY), detection(['ETA missing'], LONG, DELAY)],
	},
	{
		sentence: /take no more memory than one \((\d+) MB and (\d+) MB\)/,
		figures: [files('the node, 8 outputs'), files('the node, 1 output')],
	},
	{
		sentence:
			/([\d,]+) forged calls to the trigger[^*]* is answered in ([\d.]+) s \(median; the longest took ([\d.]+) s\), and one without a mark in ([\d.]+) s \(([\d.]+) s\)\. The forged calls cause ([\d.]+) API calls each\./,
		figures: [
			flood('forged calls'),
			...answers('with a mark'),
			...answers('without a mark'),
			flood('API calls per forged call (per second)'),
		],
	},
	{
		sentence: /after ([\d.]+) times as long as with n8n's Wait node \(([\d.]+) times for a hundred/,
		figures: [
			suspended('the node / the Wait node', 'suspended'),
			suspended('the node / the Wait node', 'suspended, called all at once'),
		],
	},
	{
		sentence: /uses ([\d.]+) % more processor time [^*]* Without that line, it is ([\d.]+) %/,
		figures: [
			cost('all parameters fixed, and the loop has its body ready, CPU'),
			cost('as in the first row, without the line that n8n logs for each job (log level warn), CPU'),
		],
	},
];

const POLLING: Quote[] = [
	{
		sentence:
			/within ([\d.]+) % of its duration \(median\), after at most (\d+) polls\. Without an estimate, it is within ([\d.]+) %\. After three jobs with the same settings, it is within ([\d.]+) %, after at most (\d+) polls\./,
		figures: [
			detection(RENEWED, LONG, DELAY),
			detection(RENEWED, LONG, POLLS),
			detection(['ETA missing'], LONG, DELAY),
			detection(TAUGHT, LONG, DELAY),
			detection(TAUGHT, LONG, POLLS),
		],
	},
];

/** What was measured, not what came of it. */
const SETTINGS = /jobs of \d+ s|\d+ simulated jobs|files of \d+ MB|a mesh of \d+ MB|n8n 2\.41/g;

describe.each([
	['docs/operating.md', 'Speed and memory', OPERATING],
	['docs/polling.md', 'How good it is', POLLING],
])('%s, %s', (path, heading, quotes) => {
	const section = readSection(path, heading);

	test('quotes figures that bench/RESULTS.md has', () => {
		expect(quotes.flatMap((quote) => compare(section, quote))).toEqual([]);
	});

	test('quotes no others', () => {
		const rest = quotes.reduce((text, { sentence }) => text.replace(sentence, ''), section);
		expect(rest.replaceAll(SETTINGS, '').match(/\b\d[\d.,]*.{0,30}/g)).toBeNull();
	});
});
