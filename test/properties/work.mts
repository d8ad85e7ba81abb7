/** Measures how long the processor works on something, ms. Other work of the machine does not count. */
export function measureWork(run: () => unknown): number {
	const before = process.cpuUsage();
	run();
	return process.cpuUsage(before).user / 1000;
}
