/**
 * n8n loads this first (`--require`). Host names that a test has written to a folder resolve to this machine or to nothing, as
 * `FolderNames` describes. The system resolves all others.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { patchDns } = require('../support/dns.cjs');

const folder = process.env.IMG_TO_3D_NAMES;

patchDns((hostname) => {
	try {
		return readFileSync(join(folder, hostname), 'utf8') === 'there' ? '127.0.0.1' : null;
	} catch {
		return undefined;
	}
});
