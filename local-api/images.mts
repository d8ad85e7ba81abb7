import { createHash } from 'node:crypto';

import axios from 'axios';
import { LRUCache } from 'lru-cache';

import { isLoopback } from './loopback.mts';
import { decodePicture, PictureError, type Picture } from './model/picture.mts';
import { findDoubt, type Doubt } from './model/silhouette.mts';

const LARGEST_DOWNLOAD = 20 * 1024 * 1024;
const DOWNLOAD_TIME = 10_000;
const STORE_SIZE = 256 * 1024 * 1024;

/** An image cannot be fetched. The message is for the log of the stand-in. */
export class FetchImageError extends Error {}

/**
 * Fetches the file behind an image link.
 *
 * @throws FetchImageError for anything but http and https, when the request fails or is aborted, after 10 s, and above 20 MB
 */
export async function fetchImage(link: string, signal: AbortSignal): Promise<Buffer> {
	const url = URL.canParse(link) ? new URL(link) : undefined;
	if (!url || !/^https?:$/.test(url.protocol)) throw new FetchImageError('the link is not an http(s) URL');
	try {
		const { data } = await axios.get<ArrayBuffer>(url.href, {
			responseType: 'arraybuffer',
			timeout: DOWNLOAD_TIME,
			// `timeout` begins again with every byte.
			signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIME)]),
			maxContentLength: LARGEST_DOWNLOAD,
			maxRedirects: 3,
			...(isLoopback(url) ? { proxy: false } : {}),
		});
		return Buffer.from(data);
	} catch (error) {
		throw new FetchImageError((error as Error).message);
	}
}

/** Whether an error says that an image cannot be had, and not that the stand-in is broken. */
export function isImageError(error: unknown): error is Error {
	return error instanceof FetchImageError || error instanceof PictureError || error instanceof URIError;
}

/** What was found out about the latest pictures, by the hash of their file. All services of a process share it. */
const doubts = new LRUCache<string, { doubt: Doubt | undefined }>({ max: 1000 });

/** A picture in the store. */
export interface StoredPicture {
	name: string;
	/** Why its object may not be what people expect. */
	doubt: Doubt | undefined;
}

/** Decoded pictures by the hash of their file. A thousand jobs on one picture keep it once. */
export class PictureStore {
	private readonly pictures = new LRUCache<string, Picture>({
		maxSize: STORE_SIZE,
		sizeCalculation: ({ pixels, file }) => pixels.length + file.length,
	});

	/**
	 * Decodes a file and keeps the picture.
	 *
	 * @throws PictureError when the file cannot be decoded
	 */
	async add(file: Buffer): Promise<StoredPicture> {
		const name = createHash('sha256').update(file).digest('hex');
		const picture = this.pictures.get(name) ?? (await decodePicture(file));
		this.pictures.set(name, picture);
		const judged = doubts.get(name) ?? { doubt: findDoubt(picture) };
		doubts.set(name, judged);
		return { name, ...judged };
	}

	/** @returns undefined when newer pictures have replaced it */
	get(name: string): Picture | undefined {
		return this.pictures.get(name);
	}
}
