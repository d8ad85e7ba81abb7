/** How long the processor works on something, ms: how busy the machine is with anything else does not count. */
export function measureWork(run: () => unknown): number {
	const before = process.cpuUsage();
	run();
	return process.cpuUsage(before).user / 1000;
}
