/** Whether a URL's host is the loopback interface of this machine. */
export function isLoopback(url: URL): boolean {
	return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname);
}

/** The name of this machine in the containers of Docker Desktop. */
const CONTAINER_HOST = 'host.docker.internal';

/**
 * Whether a request was meant for this machine, by its `Host` header. Otherwise a page in somebody's browser may have made it,
 * whose name was changed to resolve to this machine.
 */
export function isMeantForLoopback(host: string | undefined): boolean {
	if (host === undefined || !URL.canParse(`http://${host}/`)) return false;
	const url = new URL(`http://${host}/`);
	return isLoopback(url) || url.hostname === CONTAINER_HOST;
}
