/** Reading a file of n8n: how large it is, and as much of it as is wanted. */
import type { IBinaryData, IExecuteFunctions } from 'n8n-workflow';

type Helpers = Pick<IExecuteFunctions, 'helpers'>;

/** @returns the file's size by what n8n stores about it, bytes; `undefined` if n8n does not know it */
export async function readSize({ helpers }: Helpers, { id, data }: IBinaryData): Promise<number | undefined> {
	if (!id) return Buffer.byteLength(data, 'base64');
	try {
		const { fileSize } = await helpers.getBinaryMetadata(id);
		return Number.isFinite(fileSize) ? fileSize : undefined;
	} catch {
		// Without metadata, the size is known once the file has been read.
		return undefined;
	}
}

/**
 * Reads the beginning of a file. No more of it is read from n8n's storage than about the next piece of a stream.
 *
 * @param length how much to read, bytes
 * @returns that many bytes, or the whole file if it is shorter
 */
export async function readStart(
	{ helpers }: Helpers,
	{ id, data }: IBinaryData,
	length: number,
): Promise<Buffer> {
	// Four characters of base64 are three bytes.
	if (!id) return Buffer.from(data.slice(0, Math.ceil(length / 3) * 4), 'base64').subarray(0, length);
	const stream = await helpers.getBinaryStream(id);
	const chunks: Buffer[] = [];
	let count = 0;
	// Leaving the loop closes the stream.
	for await (const chunk of stream) {
		chunks.push(chunk as Buffer);
		count += (chunk as Buffer).length;
		if (count >= length) break;
	}
	return Buffer.concat(chunks).subarray(0, length);
}
