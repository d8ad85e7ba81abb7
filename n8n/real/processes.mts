/** Programs that run beside the tests, on loopback, and are stopped with them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How long a program may take until it is ready, ms. */
const START_LIMIT_MS = 120_000;

/** How long a program may take to end after the signal, ms. Then it is killed. */
const STOP_LIMIT_MS = 20_000;

/** Waits until a condition holds. @param what describes it @throws an error with `what` if it takes too long */
export async function waitUntil(
	what: string,
	holds: () => Promise<boolean> | boolean,
	limitMs = 60_000,
	everyMs = 200,
): Promise<void> {
	const end = Date.now() + limitMs;
	while (!(await holds())) {
		if (Date.now() > end) throw new Error(`This did not happen within ${limitMs / 1000} s: ${what}`);
		await pause(everyMs);
	}
}

export interface ProgramOptions {
	/** The name in messages. */
	name: string;
	program: string;
	args: string[];
	env: Record<string, string>;
	cwd: string;
	/** The file to which its output is appended. */
	log: string;
	uid?: number;
	gid?: number;
}

/** Whether a started program is ready. */
type Readiness = (program: Program) => Promise<boolean>;

/** A started program. */
export class Program {
	/** The end of its output in the log, when it has ended. After a restart, the log continues behind it. */
	private printedTo?: number;

	private constructor(
		private readonly options: ProgramOptions,
		private readonly isReady: Readiness,
		private readonly child: ChildProcess,
		private readonly printedFrom: number,
	) {
		child.once('exit', () => (this.printedTo = statSync(options.log).size));
	}

	/**
	 * Starts a program and waits until it is ready.
	 *
	 * @throws an error with the end of its output, if it ends or is not ready in time
	 */
	static async start(options: ProgramOptions, isReady: Readiness): Promise<Program> {
		const printedFrom = existsSync(options.log) ? statSync(options.log).size : 0;
		const log = openSync(options.log, 'a');
		const { PATH = '', HOME = '' } = process.env;
		const child = spawn(options.program, options.args, {
			cwd: options.cwd,
			// No other variable of this process may change how the program works.
			env: { PATH, HOME, ...options.env },
			stdio: ['ignore', log, log],
			uid: options.uid,
			gid: options.gid,
		});
		closeSync(log);
		const program = new Program(options, isReady, child, printedFrom);
		try {
			await waitUntil(
				`${options.name} is ready`,
				async () => {
					if (program.hasEnded) throw new Error(`${options.name} has ended`);
					return await isReady(program).catch(() => false);
				},
				START_LIMIT_MS,
			);
		} catch (error) {
			await program.stop();
			throw new Error(`${(error as Error).message}\n${program.printed.slice(-4000)}`);
		}
		return program;
	}

	get name(): string {
		return this.options.name;
	}

	/** The file with its output, since its first start. */
	get log(): string {
		return this.options.log;
	}

	get hasEnded(): boolean {
		return this.child.exitCode !== null || this.child.signalCode !== null;
	}

	/** The processor time that it has used so far, s, without the programs that it has started itself. */
	get cpuSeconds(): number {
		// The fields after the program's name, which can contain anything. Linux counts in hundredths of a second.
		const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
		return (Number(fields[11]) + Number(fields[12])) / 100;
	}

	/** Its current memory, bytes. */
	get residentBytes(): number {
		const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
		return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
	}

	/** Its output so far. */
	get printed(): string {
		return readFileSync(this.options.log).subarray(this.printedFrom, this.printedTo).toString();
	}

	/** Starts the program again, after it has ended. */
	async restart(): Promise<Program> {
		return await Program.start(this.options, this.isReady);
	}

	signal(name: NodeJS.Signals): void {
		this.child.kill(name);
	}

	/** Kills it, as a crash does. */
	async kill(): Promise<void> {
		this.child.kill('SIGKILL');
		await this.waitForExit();
	}

	/** Stops it with a signal, and kills it if it does not end in time. */
	async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
		if (this.hasEnded) return;
		this.child.kill(signal);
		await Promise.race([this.waitForExit(), pause(STOP_LIMIT_MS, undefined, { ref: false })]);
		if (!this.hasEnded) await this.kill();
	}

	async waitForExit(): Promise<void> {
		if (!this.hasEnded) await new Promise((resolve) => this.child.once('exit', resolve));
	}
}
