/** Reads why a request got no answer. */
import type { Unanswered, UnansweredReason } from './answer';

const REASON_OF_CODE: Record<string, UnansweredReason> = {
	ECONNREFUSED: 'refused',
	ENOTFOUND: 'unresolved',
	EAI_AGAIN: 'unresolved',
	// The one code that only a failed handshake has. ERR_SSL_... can come after the request was read.
	EPROTO: 'handshake',
	ETIMEDOUT: 'timeout',
	ECONNABORTED: 'timeout',
};

/** How the codes of a certificate that is not accepted begin. Other TLS errors can come after the request was sent. */
const CERTIFICATE_CODE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

/** How many causes of an error are read. */
const MAX_CAUSES = 6;

/**
 * Reads why a request got no answer. Only the error's code is taken over: its message may quote the request.
 *
 * @param error what n8n's helper threw
 */
export function readRequestError(error: unknown): Unanswered {
	const causes = listCauses(error);
	// If N8N_SSRF_PROTECTION_ENABLED is set, n8n 2.41 checks what a name resolves to before it connects.
	if (causes.some(({ name }) => /^SsrfBlocked/.test(String(name)))) {
		return { state: 'unanswered', reason: 'blocked', detail: 'N8N_SSRF_PROTECTION_ENABLED' };
	}
	const code = findCode(causes) ?? 'no error code';
	const reason = CERTIFICATE_CODE.test(code) ? 'certificate' : (REASON_OF_CODE[code] ?? 'interrupted');
	return { state: 'unanswered', reason, detail: code };
}

interface Cause {
	name?: unknown;
	code?: unknown;
	httpCode?: unknown;
	cause?: unknown;
}

/** Lists an error and its causes: n8n wraps the request's error in its own. */
function listCauses(error: unknown): Cause[] {
	const causes: Cause[] = [];
	for (let cause = error; typeof cause === 'object' && cause !== null && causes.length < MAX_CAUSES; ) {
		causes.push(cause);
		cause = (cause as Cause).cause;
	}
	return causes;
}

/** Finds the first error code. n8n 2.0.0 drops the cause, and keeps its code as `httpCode`. */
function findCode(causes: readonly Cause[]): string | undefined {
	return causes
		.flatMap(({ code, httpCode }) => [code, httpCode])
		.find((code): code is string => typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code));
}
