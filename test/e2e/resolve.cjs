/** n8n loads this first (`--require`). A public host name resolves to an address of this machine. */
const { patchDns } = require('../support/dns.cjs');

patchDns((hostname) => (hostname === 'cdn.evil.example' ? '127.0.0.2' : undefined));
