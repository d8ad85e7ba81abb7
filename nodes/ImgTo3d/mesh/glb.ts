import { read, skip, type Walk } from '../file-walk';
import type { Tally } from './facts';
import { showScene } from './gltf-scene';

/** A header of 12 bytes, and the length and type of the first chunk. */
const HEADER_BYTES = 20;

/**
 * A longer JSON is not read. That of the service has some kB. To parse 16 MB that somebody made for it took seconds and
 * up to 1.5 GB, in which n8n does nothing else.
 */
const MAX_JSON_BYTES = 1024 * 1024;

/** Source: the glTF 2.0 specification. The first chunk is JSON, and says all that is counted. */
export function* readGlb(tally: Tally): Walk {
	const header = yield read(HEADER_BYTES);
	const length = header.readUInt32LE(8);
	const jsonLength = header.readUInt32LE(12);
	if (header.readUInt32LE(4) !== 2 || header.toString('latin1', 16) !== 'JSON') return;
	if (jsonLength > MAX_JSON_BYTES || HEADER_BYTES + jsonLength > length) return;
	const json = yield read(jsonLength);
	const isCorrect = showScene(tally, json.toString('utf8'));
	yield skip(length - HEADER_BYTES - jsonLength);
	tally.isWhole = isCorrect;
}
