/** Has a public name resolve to an address of this machine, in the n8n that loads this before anything else. */
const dns = require('node:dns');

const ADDRESS = { address: '127.0.0.2', family: 4 };
const isOurs = (name) => name === 'cdn.evil.example';

const { lookup } = dns;
dns.lookup = (name, options, callback = options) => {
	if (!isOurs(name)) return lookup(name, options, callback);
	const isAll = typeof options === 'object' && options.all;
	process.nextTick(() =>
		isAll ? callback(null, [ADDRESS]) : callback(null, ADDRESS.address, ADDRESS.family),
	);
};

const { lookup: promised } = dns.promises;
dns.promises.lookup = async (name, options) => {
	if (!isOurs(name)) return await promised(name, options);
	return options?.all ? [ADDRESS] : ADDRESS;
};
