/** What a mesh holds, found out while its bytes pass. Nothing but a few numbers and the JSON of a GLB is kept. */
import { FileWalk, type Walk } from '../file-walk';
import { Tally, type MeshFacts } from './facts';
import { readGlb } from './glb';
import { readObj } from './obj';
import { readPly } from './ply';
import { readStl } from './stl';

export type { MeshFacts } from './facts';

/** By the name of the kind of file. */
const READERS: Partial<Record<string, (tally: Tally) => Walk>> = {
	GLB: readGlb,
	OBJ: readObj,
	PLY: readPly,
	STL: readStl,
};

/** Reads a mesh. Its bytes may arrive in chunks of any length. */
export class MeshReader {
	private readonly tally = new Tally();
	private walk: FileWalk | undefined;

	/** @param kind the name of the kind of file. Those that are no meshes have no facts. */
	constructor(kind: string | undefined) {
		const reader = READERS[kind ?? ''];
		this.walk = reader && new FileWalk(reader(this.tally));
	}

	take(chunk: Buffer): void {
		this.attempt((walk) => walk.take(chunk));
	}

	/** @returns what the mesh holds; nothing if it is cut off, or not correct */
	finish(): MeshFacts | undefined {
		this.attempt((walk) => walk.end());
		return this.walk && this.tally.getFacts();
	}

	/** Somebody has paid for the file. A mistake here must not be in the way of its download. */
	private attempt(step: (walk: FileWalk) => void): void {
		try {
			if (this.walk) step(this.walk);
		} catch {
			this.walk = undefined;
		}
	}
}
