/**
 * For n8n to be started with (`--require`): names that a test has written into a folder stand for this machine, or for
 * nothing, as `FolderNames` says. All others are looked up as ever.
 */
const dns = require('node:dns');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.env.IMG_TO_3D_NAMES;
const systemLookup = dns.lookup;

dns.lookup = (hostname, options, callback) => {
	const answer = callback ?? options;
	let state;
	try {
		state = readFileSync(join(folder, hostname), 'utf8');
	} catch {
		systemLookup(hostname, options, callback);
		return;
	}
	process.nextTick(() => {
		if (state !== 'there') {
			const message = `getaddrinfo ENOTFOUND ${hostname}`;
			answer(
				Object.assign(new Error(message), { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname }),
				'',
				4,
			);
		} else if (options?.all) answer(null, [{ address: '127.0.0.1', family: 4 }]);
		else answer(null, '127.0.0.1', 4);
	});
};
