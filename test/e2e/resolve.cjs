/** For n8n to load first (`--require`): a public name that resolves to an address of this machine. */
const { patchDns } = require('../support/dns.cjs');

patchDns((hostname) => (hostname === 'cdn.evil.example' ? '127.0.0.2' : undefined));
