/**
 * n8n loads this first (`--require`). On SIGUSR2, it prints the longest pause of the event loop since the last time, collects the garbage,
 * and prints how much of the heap is in use.
 */
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.on('SIGUSR2', () => {
	console.log(`longest pause: ${Math.round(delay.max / 1e6)} ms`);
	collect();
	collect();
	console.log(`heap in use: ${process.memoryUsage().heapUsed} bytes`);
	// The collection is a pause, too.
	setTimeout(() => delay.reset(), 100);
});
