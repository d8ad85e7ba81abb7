import { LARGEST_UPLOAD, type Upload } from './images.mts';

/** An upload is not what it has to be; the message is meant for the client. */
export class UploadError extends Error {}

/** By the subtype in the data URL. */
const EXTENSIONS: Record<string, string> = {
	'gltf-binary': 'glb',
	'gltf+json': 'gltf',
	obj: 'obj',
	mtl: 'mtl',
	stl: 'stl',
	ply: 'ply',
};

/** The longest beginning of a data URL, characters. */
const MAX_HEAD = 200;

const withoutPadding = (base64: string) => (base64.endsWith('=') ? base64.replace(/={1,2}$/, '') : base64);

/**
 * Reads the data URL of a 3D file. The file is not looked into.
 * @throws UploadError when it is none, and over 5 MB
 */
export function readModelUpload(dataUrl: string): Upload {
	// The head alone: a pattern over megabytes can overflow the engine's stack.
	const head = /^data:(model\/([\w.+-]+));base64,/.exec(dataUrl.slice(0, MAX_HEAD));
	const base64 = head ? dataUrl.slice(head[0].length) : '';
	const file = Buffer.from(base64, 'base64');
	const isBase64 = base64 !== '' && withoutPadding(file.toString('base64')) === withoutPadding(base64);
	if (!head || !isBase64) throw new UploadError('The file must be a base64 data URL of a 3D model.');
	const [, contentType = '', subtype = ''] = head;
	if (file.length > LARGEST_UPLOAD) throw new UploadError('The file must not be greater than 5 MB.');
	return { file, extension: EXTENSIONS[subtype] ?? 'bin', contentType };
}
