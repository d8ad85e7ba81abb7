import { createHash } from 'node:crypto';

import axios from 'axios';
import sharp from 'sharp';

import { BoundedMap } from './bounded.mts';

/** RGBA pixels, 4 bytes each, row by row from the top left. */
export interface Picture {
	width: number;
	height: number;
	pixels: Uint8Array;
	/** What it was decoded from, for who needs it larger: as a rule a fraction of the pixels at that size. */
	file: Buffer;
}

/** Longest edge of a picture, in px: enough for its outline. */
const PICTURE_EDGE = 288;

const LARGEST_DOWNLOAD = 20 * 1024 * 1024;
const DOWNLOAD_TIME = 10_000;
export const LARGEST_UPLOAD = 5 * 1024 * 1024;
/** Guards against a small file that unpacks to gigabytes. */
const MOST_PIXELS = 100_000_000;

const MIME_TYPES: Record<string, string> = {
	jpeg: 'image/jpeg',
	png: 'image/png',
	webp: 'image/webp',
	gif: 'image/gif',
};

/** The picture cannot be fetched or decoded; the message is meant for the service's own log. */
export class PictureError extends Error {}

/** Whether a URL's host is this machine's loopback interface. */
export function isLoopback(url: URL): boolean {
	return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname);
}

/**
 * Fetches the file behind an image link.
 * @throws PictureError on anything but http(s), on a failed or aborted request, after 10 s, and over 20 MB
 */
export async function fetchImage(link: string, signal: AbortSignal): Promise<Buffer> {
	const url = URL.canParse(link) ? new URL(link) : undefined;
	if (!url || !/^https?:$/.test(url.protocol)) throw new PictureError('the link is not an http(s) URL');
	try {
		const { data } = await axios.get<ArrayBuffer>(url.href, {
			responseType: 'arraybuffer',
			timeout: DOWNLOAD_TIME,
			// `timeout` alone starts anew with every byte.
			signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIME)]),
			maxContentLength: LARGEST_DOWNLOAD,
			maxRedirects: 3,
			...(isLoopback(url) ? { proxy: false } : {}),
		});
		return Buffer.from(data);
	} catch (error) {
		throw new PictureError((error as Error).message);
	}
}

/**
 * Decodes a JPEG, PNG, WebP or GIF (its first frame), upright.
 * @param edge its longest edge, px
 * @throws PictureError when it is none of these
 */
export async function decodePicture(file: Buffer, edge = PICTURE_EDGE): Promise<Picture> {
	try {
		const image = sharp(file, { limitInputPixels: MOST_PIXELS, pages: 1 });
		const { format } = await image.metadata();
		if (!MIME_TYPES[format]) throw new PictureError(`unsupported format ${format}`);
		const { data, info } = await image
			.autoOrient()
			.resize(edge, edge, { fit: 'inside', withoutEnlargement: false })
			.toColourspace('srgb')
			.ensureAlpha()
			.raw()
			.toBuffer({ resolveWithObject: true });
		return { width: info.width, height: info.height, pixels: new Uint8Array(data), file };
	} catch (error) {
		throw new PictureError((error as Error).message);
	}
}

/** Decoded pictures by the hash of their file, so that a thousand jobs on one picture keep it once. */
export class PictureStore {
	private readonly pictures = new BoundedMap<Picture>(256 * 1024 * 1024);

	/**
	 * Decodes a file and keeps the picture.
	 * @returns its name in the store
	 * @throws PictureError when it cannot be decoded
	 */
	async add(file: Buffer): Promise<string> {
		const name = createHash('sha256').update(file).digest('hex');
		if (!this.pictures.get(name)) {
			const picture = await decodePicture(file);
			this.pictures.set(name, picture, picture.pixels.length + file.length);
		}
		return name;
	}

	/** Undefined once newer pictures have taken its place. */
	get(name: string): Picture | undefined {
		return this.pictures.get(name);
	}
}

export interface Upload {
	file: Buffer;
	extension: string;
	contentType: string;
}

/**
 * Reads the data URL of an upload, cropped to its central square when `crop` says so.
 * @throws PictureError with a message for the client
 */
export async function readUpload(dataUrl: string, crop: boolean): Promise<Upload> {
	const match = /^data:image\/[\w.+-]+;base64,/.exec(dataUrl);
	if (!match) throw new PictureError('The image must be a base64 data URL.');
	let file: Buffer = Buffer.from(dataUrl.slice(match[0].length), 'base64');
	if (file.length > LARGEST_UPLOAD) throw new PictureError('The image must not be greater than 5 MB.');
	try {
		const image = sharp(file, { limitInputPixels: MOST_PIXELS });
		const { format, width, height } = await image.metadata();
		const contentType = MIME_TYPES[format];
		if (!contentType) throw new PictureError(`unsupported format ${format}`);
		if (crop) {
			const edge = Math.min(width, height);
			file = await image.autoOrient().resize(edge, edge, { fit: 'cover' }).toBuffer();
		} else {
			// The header alone proves little: a broken file has to be found here, not by the job.
			await image.stats();
		}
		return { file, extension: format === 'jpeg' ? 'jpg' : format, contentType };
	} catch {
		throw new PictureError('The image could not be decoded.');
	}
}
