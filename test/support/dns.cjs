const dns = require('node:dns');

const system = { lookup: dns.lookup, promised: dns.promises.lookup };

const describeMissing = (hostname) =>
	Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
		code: 'ENOTFOUND',
		syscall: 'getaddrinfo',
		hostname,
	});

/**
 * Decides to which addresses names resolve in this process.
 *
 * @param resolve returns the address of a name, null if it has none, and undefined if the system is to resolve it
 * @returns undoes it
 */
exports.patchDns = (resolve) => {
	const lookup = (hostname, options, callback = options) => {
		const address = resolve(hostname);
		if (address === undefined) system.lookup(hostname, options, callback);
		else if (address === null) process.nextTick(() => callback(describeMissing(hostname), '', 4));
		else if (options?.all) process.nextTick(() => callback(null, [{ address, family: 4 }]));
		else process.nextTick(() => callback(null, address, 4));
	};
	const promised = async (hostname, options) => {
		const address = resolve(hostname);
		if (address === undefined) return await system.promised(hostname, options);
		if (address === null) throw describeMissing(hostname);
		return options?.all ? [{ address, family: 4 }] : { address, family: 4 };
	};
	dns.lookup = lookup;
	dns.promises.lookup = promised;
	return () => {
		dns.lookup = system.lookup;
		dns.promises.lookup = system.promised;
	};
};
