/** n8n loads this first (`--require`). On SIGUSR2, it collects the garbage, and prints how much of the heap is in use. */
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
	collect();
	collect();
	console.log(`heap in use: ${process.memoryUsage().heapUsed} bytes`);
});
