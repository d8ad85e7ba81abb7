/** Reads what clients upload: data URLs of images and of 3D files, up to 5 MB. */
import { cropToSquare, identifyPicture, PictureError } from './model/picture.mts';

export interface Upload {
	file: Buffer;
	extension: string;
	contentType: string;
}

const LARGEST_UPLOAD = 5 * 1024 * 1024;

/** An upload is refused. The message is for the client. */
export class UploadError extends Error {}

/** By the subtype in the data URL. */
const MODEL_EXTENSIONS: Record<string, string> = {
	'gltf-binary': 'glb',
	'gltf+json': 'gltf',
	obj: 'obj',
	mtl: 'mtl',
	stl: 'stl',
	ply: 'ply',
};

/** The longest text before the data of a data URL, characters. */
const MAX_HEAD = 200;

const removePadding = (base64: string) => (base64.endsWith('=') ? base64.replace(/={1,2}$/, '') : base64);

/** Splits a data URL. A pattern that runs over megabytes can overflow the engine's stack, so only the head is matched. */
function splitDataUrl(
	dataUrl: string,
	pattern: RegExp,
): { head: RegExpExecArray; base64: string } | undefined {
	const head = pattern.exec(dataUrl.slice(0, MAX_HEAD));
	return head ? { head, base64: dataUrl.slice(head[0].length) } : undefined;
}

/**
 * Reads the data URL of an image.
 *
 * @param isCropped whether the image is cropped to its central square
 * @throws UploadError
 */
export async function readImageUpload(dataUrl: string, isCropped: boolean): Promise<Upload> {
	const parts = splitDataUrl(dataUrl, /^data:image\/[\w.+-]+;base64,/);
	if (!parts) throw new UploadError('The image must be a base64 data URL.');
	const file = Buffer.from(parts.base64, 'base64');
	if (file.length > LARGEST_UPLOAD) throw new UploadError('The image must not be greater than 5 MB.');
	try {
		const { format, contentType } = await identifyPicture(file);
		return {
			file: isCropped ? await cropToSquare(file) : file,
			extension: format === 'jpeg' ? 'jpg' : format,
			contentType,
		};
	} catch (error) {
		if (error instanceof PictureError) throw new UploadError('The image could not be decoded.');
		throw error;
	}
}

/**
 * Reads the data URL of a 3D file. What is in the file is not checked.
 *
 * @throws UploadError
 */
export function readModelUpload(dataUrl: string): Upload {
	const { head, base64 = '' } = splitDataUrl(dataUrl, /^data:(model\/([\w.+-]+));base64,/) ?? {};
	const file = Buffer.from(base64, 'base64');
	const isBase64 = base64 !== '' && removePadding(file.toString('base64')) === removePadding(base64);
	if (!head || !isBase64) throw new UploadError('The file must be a base64 data URL of a 3D model.');
	const [, contentType = '', subtype = ''] = head;
	if (file.length > LARGEST_UPLOAD) throw new UploadError('The file must not be greater than 5 MB.');
	return { file, extension: MODEL_EXTENSIONS[subtype] ?? 'bin', contentType };
}
