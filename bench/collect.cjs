/** Loaded into an n8n before anything else: on SIGUSR2 it lets go of what nothing holds any more, and says what is left. */
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
	collect();
	collect();
	console.log(`heap in use: ${process.memoryUsage().heapUsed} bytes`);
});
