/**
 * Whether a host can be on the open internet, as far as its name tells: private, loopback, link-local (cloud
 * metadata among them), shared and reserved addresses are not, nor are names that stand for this machine or
 * this network. A public name that resolves to a private address is not seen here: n8n's request helper does
 * not tell what a name resolved to.
 *
 * @param hostname as `URL.hostname` has it: numeric IPv4 forms are normalised there, IPv6 is in brackets
 */
export function isPublicHost(hostname: string): boolean {
	const host = hostname.toLowerCase().replace(/\.$/, '');
	if (host.startsWith('[')) return isPublicIpv6(host.slice(1, -1));
	const ipv4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
	if (ipv4) return isPublicIpv4(ipv4.slice(1).map(Number));
	return !(
		!host.includes('.') ||
		/\.(localhost|local|localdomain|internal|lan|home|corp|intranet|home\.arpa)$/.test(host)
	);
}

/** IANA's special-purpose registry for IPv4 (RFC 6890 and what followed). */
function isPublicIpv4([a = 0, b = 0, c = 0]: number[]): boolean {
	return !(
		a === 0 ||
		a === 10 ||
		a === 127 ||
		a >= 224 ||
		(a === 100 && b >= 64 && b <= 127) ||
		(a === 169 && b === 254) ||
		(a === 172 && b >= 16 && b <= 31) ||
		(a === 192 && b === 168) ||
		(a === 192 && b === 0 && (c === 0 || c === 2)) ||
		(a === 198 && (b === 18 || b === 19)) ||
		(a === 198 && b === 51 && c === 100) ||
		(a === 203 && b === 0 && c === 113)
	);
}

/** Only global unicast (2000::/3) is public; addresses that wrap an IPv4 one are judged by that. */
function isPublicIpv6(address: string): boolean {
	const groups = expandIpv6(address);
	const [first = 0, second = 0] = groups;
	if (first < 0x2000 || first > 0x3fff) return false;
	if (first === 0x2001 && (second === 0 || second === 0xdb8)) return false;
	// 6to4 carries an IPv4 address in its second and third group.
	if (first === 0x2002) return isPublicIpv4([second >> 8, second & 0xff, (groups[2] ?? 0) >> 8]);
	return true;
}

/** The eight groups of an IPv6 address. */
export function expandIpv6(address: string): number[] {
	const [head = '', tail] = address.split('::');
	const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
	const start = parse(head);
	if (tail === undefined) return start;
	const end = parse(tail);
	return [...start, ...new Array<number>(Math.max(0, 8 - start.length - end.length)).fill(0), ...end];
}
