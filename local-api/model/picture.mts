import sharp, { type Sharp } from 'sharp';

/** RGBA pixels, 4 bytes each, row by row from the top left. */
export interface Picture {
	width: number;
	height: number;
	pixels: Uint8Array;
	/** The file, so that it can be decoded again in a larger size. It takes a fraction of the memory of those pixels. */
	file: Buffer;
}

/** Longest edge of a decoded picture, px. It is enough for the outline. */
const PICTURE_EDGE = 288;

/** The largest picture that is decoded, px. A small file can unpack to gigabytes. */
const MOST_PIXELS = 100_000_000;

/** The formats that can be decoded. */
const MIME_TYPES: Record<string, string> = {
	jpeg: 'image/jpeg',
	png: 'image/png',
	webp: 'image/webp',
	gif: 'image/gif',
};

/** A picture cannot be decoded. */
export class PictureError extends Error {}

async function decode<T>(file: Buffer, read: (image: Sharp, format: string) => Promise<T>): Promise<T> {
	try {
		const image = sharp(file, { limitInputPixels: MOST_PIXELS, pages: 1 });
		const { format } = await image.metadata();
		if (!MIME_TYPES[format]) throw new PictureError(`unsupported format ${format}`);
		return await read(image, format);
	} catch (error) {
		throw new PictureError((error as Error).message);
	}
}

/**
 * Decodes a JPEG, PNG, WebP or GIF (its first frame), upright.
 *
 * @param edge longest edge of the result, px
 * @throws PictureError
 */
export async function decodePicture(file: Buffer, edge = PICTURE_EDGE): Promise<Picture> {
	return await decode(file, async (image) => {
		const { data, info } = await image
			.autoOrient()
			.resize(edge, edge, { fit: 'inside', withoutEnlargement: false })
			.toColorspace('srgb')
			.ensureAlpha()
			.raw()
			.toBuffer({ resolveWithObject: true });
		return { width: info.width, height: info.height, pixels: new Uint8Array(data), file };
	});
}

/**
 * Tells the format of a picture, and decodes all of it: a broken file can have a sound header.
 *
 * @throws PictureError
 */
export async function identifyPicture(file: Buffer): Promise<{ format: string; contentType: string }> {
	return await decode(file, async (image, format) => {
		await image.stats();
		return { format, contentType: MIME_TYPES[format] ?? '' };
	});
}

/**
 * Crops a picture to its central square, in its own format.
 *
 * @throws PictureError
 */
export async function cropToSquare(file: Buffer): Promise<Buffer> {
	return await decode(file, async (image) => {
		const { width, height } = await image.metadata();
		const edge = Math.min(width, height);
		return await image.autoOrient().resize(edge, edge, { fit: 'cover' }).toBuffer();
	});
}
