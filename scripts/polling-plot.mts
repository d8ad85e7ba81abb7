/** The plot of `docs/polling.md`: when the node polls a job, depending on what is known about the end. The node's own code polls. */
import { pollSimulated, SimulatedClock, type Eta, type SimulatedPolling } from '../bench/simulated.mts';
import { createRandom } from '../local-api/model/random.mts';
import { Account } from '../nodes/ImgTo3d/polling/account.ts';

/** What is known about the end of a job. */
interface Case {
	name: string;
	eta: Eta;
	/** How many jobs with the same settings were polled before. */
	taught?: number;
	/** A fixed pause, s. */
	pollInterval?: number;
}

const NO_ETA: Eta = () => undefined;

const CASES: readonly Case[] = [
	{ name: 'estimate within 20 %', eta: (age, duration) => (duration - age) * 1.15 },
	{ name: 'no estimate, three such jobs before', eta: NO_ETA, taught: 3 },
	{ name: 'estimate ten times too long', eta: (age, duration) => (duration - age) * 10 },
	{ name: 'no estimate, first job', eta: NO_ETA },
	{ name: 'fixed Poll Interval of 5 s', eta: NO_ETA, pollInterval: 5 },
];

/** How long the jobs of the two panels take, s: a turntable and a mesh. A multiple of 5 would suit the fixed interval by chance. */
const DURATIONS = [22, 482];

/** Earlier jobs have taken up to this share more or less. */
const SPREAD = 0.1;

async function poll({ eta, taught = 0, pollInterval }: Case, duration: number): Promise<SimulatedPolling> {
	const clock = new SimulatedClock();
	const account = new Account();
	const random = createRandom(1);
	for (let before = 0; before < taught; before++) {
		const own = duration * (1 - SPREAD + 2 * SPREAD * random());
		await pollSimulated(clock, account, { duration: own, eta, kind: 'a' });
	}
	return await pollSimulated(clock, account, { duration, eta, kind: 'a', pollInterval });
}

const WIDTH = 1000;
const LEFT = 300;
const RIGHT = 170;
const ROW = 34;
const PANEL_TOP = 46;
const PANEL_BOTTOM = 44;

/** A panel of the plot. */
interface Panel {
	/** How long its job takes, s. */
	duration: number;
	top: number;
	bottom: number;
	/** How much time it shows, s. */
	seconds: number;
	/** The place of a time, s after the job was accepted. */
	x(seconds: number): string;
}

function layOut(duration: number, top: number): Panel {
	const seconds = duration * 1.3;
	return {
		duration,
		top,
		bottom: top + PANEL_TOP + CASES.length * ROW,
		seconds,
		x: (time) => (LEFT + (time / seconds) * (WIDTH - LEFT - RIGHT)).toFixed(1),
	};
}

function drawFrame({ duration, top, bottom, x }: Panel): string[] {
	const label = duration < 60 ? `${duration} s` : `${Math.floor(duration / 60)} min ${duration % 60} s`;
	return [
		`<text x="${x(0)}" y="${top + 20}" class="title">A job of ${label}</text>`,
		`<rect x="${x(0)}" y="${top + PANEL_TOP - 10}" width="${Number(x(duration)) - Number(x(0))}" height="${CASES.length * ROW}" class="work"/>`,
		`<line x1="${x(duration)}" x2="${x(duration)}" y1="${top + PANEL_TOP - 16}" y2="${bottom - 4}" class="end"/>`,
		`<text x="${x(duration)}" y="${top + PANEL_TOP - 20}" class="end-label">the end</text>`,
	];
}

function drawAxis({ duration, bottom, seconds, x }: Panel): string[] {
	const drawn: string[] = [];
	const step = duration < 60 ? 5 : 60;
	for (let time = 0; time <= seconds; time += step) {
		drawn.push(
			`<line x1="${x(time)}" x2="${x(time)}" y1="${bottom - 10}" y2="${bottom - 4}" class="axis"/>`,
			`<text x="${x(time)}" y="${bottom + 12}" class="tick">${duration < 60 ? `${time} s` : `${time / 60} min`}</text>`,
		);
	}
	drawn.push(`<line x1="${x(0)}" x2="${x(seconds)}" y1="${bottom - 10}" y2="${bottom - 10}" class="axis"/>`);
	return drawn;
}

function drawCase(name: string, { polls, delay }: SimulatedPolling, y: number, { x }: Panel): string[] {
	const marks = polls.map((at, index) =>
		index === polls.length - 1
			? `<circle cx="${x(at)}" cy="${y}" r="4.5" class="found"/>`
			: `<line x1="${x(at)}" x2="${x(at)}" y1="${y - 8}" y2="${y + 8}" class="poll"/>`,
	);
	const late = delay.toFixed(delay < 9.95 ? 1 : 0);
	return [
		`<text x="${LEFT - 14}" y="${y + 4}" class="name">${name}</text>`,
		...marks,
		`<text x="${WIDTH - RIGHT + 14}" y="${y + 4}" class="figures">${polls.length} polls, ${late} s late</text>`,
	];
}

/** Draws a panel: a row for each case, and the time below. */
async function drawPanel(duration: number, top: number): Promise<string[]> {
	const panel = layOut(duration, top);
	const drawn = [...drawFrame(panel), ...drawAxis(panel)];
	for (const [index, one] of CASES.entries()) {
		const y = top + PANEL_TOP + 6 + index * ROW;
		drawn.push(...drawCase(one.name, await poll(one, duration), y, panel));
	}
	return drawn;
}

const STYLE = `
text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.name { text-anchor: end }
.tick, .end-label { text-anchor: middle; fill: #59636e; font-size: 12px }
.figures { fill: #59636e }
.work { fill: #eef3f8 }
.axis { stroke: #59636e }
.end { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3 }
.poll { stroke: #0969da; stroke-width: 2 }
.found { fill: #1a7f37 }
`;

/** @returns an SVG */
export async function drawPollingPlot(): Promise<string> {
	const height = PANEL_TOP + CASES.length * ROW + PANEL_BOTTOM;
	const panels = [];
	for (const [index, duration] of DURATIONS.entries())
		panels.push(...(await drawPanel(duration, index * height)));
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height * DURATIONS.length}" width="${WIDTH}" height="${height * DURATIONS.length}" role="img">`,
		'<title>When the node polls a job</title>',
		`<style>${STYLE}</style>`,
		'<rect width="100%" height="100%" fill="#ffffff"/>',
		...panels,
		'</svg>',
		'',
	].join('\n');
}
