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

/**
 * Reads the data URL of a 3D file. The file is not looked into.
 * @throws UploadError when it is none, and over 5 MB
 */
export function readModelUpload(dataUrl: string): Upload {
	const match = /^data:(model\/([\w.+-]+));base64,([A-Za-z0-9+/]+={0,2})$/.exec(dataUrl);
	if (!match) throw new UploadError('The file must be a base64 data URL of a 3D model.');
	const [, contentType = '', subtype = '', base64 = ''] = match;
	const file = Buffer.from(base64, 'base64');
	if (file.length > LARGEST_UPLOAD) throw new UploadError('The file must not be greater than 5 MB.');
	return { file, extension: EXTENSIONS[subtype] ?? 'bin', contentType };
}
