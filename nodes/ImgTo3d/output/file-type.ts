/** The files that the service makes, by the ending of their names. */
const MIME_OF_EXTENSION: Readonly<Record<string, string>> = {
	gif: 'image/gif',
	ply: 'application/x-ply',
	glb: 'model/gltf-binary',
	obj: 'model/obj',
	stl: 'model/stl',
	mp4: 'video/mp4',
	png: 'image/png',
	jpg: 'image/jpeg',
	jpeg: 'image/jpeg',
	webp: 'image/webp',
};

const MAX_NAME_LENGTH = 120;

export interface FileIdentity {
	fileName: string;
	mimeType: string;
}

/**
 * The name and type an output file gets in n8n. The name's ending decides the type, since servers often send
 * 3D files as `application/octet-stream`; the server's type helps where the name has no known ending.
 *
 * @param url the file's address
 * @param contentType the server's `Content-Type`, if any
 * @param fallbackName for an address without a usable name, without ending
 */
export function identify(url: string, contentType: string | undefined, fallbackName: string): FileIdentity {
	const name = safeName(lastSegment(url)) || fallbackName;
	const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
	const known = MIME_OF_EXTENSION[extension];
	if (known) return { fileName: name, mimeType: known };

	const sent = contentType?.split(';')[0]?.trim().toLowerCase();
	const byType = Object.keys(MIME_OF_EXTENSION).find((ending) => MIME_OF_EXTENSION[ending] === sent);
	return {
		fileName: byType ? `${name}.${byType}` : name,
		mimeType: sent || 'application/octet-stream',
	};
}

function lastSegment(url: string): string {
	const segment = new URL(url).pathname.split('/').pop() ?? '';
	try {
		return decodeURIComponent(segment);
	} catch {
		return segment;
	}
}

/** A name that is harmless as a file name everywhere: no path, no control characters, not hidden, not long. */
function safeName(name: string): string {
	return name
		.replace(/[\p{Cc}/\\:*?"<>|]/gu, '_')
		.replace(/^\.+/, '')
		.slice(-MAX_NAME_LENGTH)
		.trim();
}
