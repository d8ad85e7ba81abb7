import { trimEnd } from './url';

/**
 * Whether a host can be on the open internet, as far as its name shows. Private, loopback, link-local (cloud metadata among
 * them), shared and reserved addresses are not, and neither are names of this machine or this network. A public name that
 * resolves to a private address is not recognized: n8n's request helper does not say what a name resolves to.
 *
 * @param hostname as in `URL.hostname`: numeric IPv4 forms are normalized there, IPv6 is in brackets
 */
export function isPublicHost(hostname: string): boolean {
	const host = trimEnd(hostname.toLowerCase(), '.');
	if (host.startsWith('[')) return isPublicIpv6(host.slice(1, -1));
	const ipv4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
	if (ipv4) return isPublicIpv4(ipv4.slice(1).map(Number));
	return !(
		!host.includes('.') ||
		/\.(localhost|local|localdomain|internal|lan|home|corp|private|intranet|svc|home\.arpa)$/.test(host)
	);
}

/** Source: IANA's special-purpose registry for IPv4 (RFC 6890 and its updates), and one public address of a cloud's metadata. */
function isPublicIpv4([a = 0, b = 0, c = 0, d = 0]: number[]): boolean {
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
		(a === 203 && b === 0 && c === 113) ||
		(a === 192 && b === 88 && c === 99) ||
		(a === 168 && b === 63 && c === 129 && d === 16)
	);
}

/** Only global unicast (2000::/3) is public. For an address that wraps an IPv4 address, that one counts. */
function isPublicIpv6(address: string): boolean {
	const groups = expandIpv6(address);
	const [first = 0, second = 0] = groups;
	const isWrappedIpv4Public = (from: number) =>
		isPublicIpv4(groups.slice(from, from + 2).flatMap((group) => [group >> 8, group & 0xff]));
	// IPv4-mapped, and NAT64's well-known prefix.
	if (/^(0,0,0,0,0,65535|100,65435,0,0,0,0),/.test(groups.join())) return isWrappedIpv4Public(6);
	// 6to4
	if (first === 0x2002) return isWrappedIpv4Public(1);
	if (first < 0x2000 || first > 0x3fff) return false;
	// Reserved for protocols of the IETF (Teredo among them), and for documentation.
	return !(
		(first === 0x2001 && (second < 0x200 || second === 0xdb8)) ||
		(first === 0x3fff && second < 0x1000)
	);
}

/** Expands an IPv6 address to its eight groups. */
export function expandIpv6(address: string): number[] {
	const [head = '', tail] = address.split('::');
	const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
	const start = parse(head);
	if (tail === undefined) return start;
	const end = parse(tail);
	return [...start, ...new Array<number>(Math.max(0, 8 - start.length - end.length)).fill(0), ...end];
}
