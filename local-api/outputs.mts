import { BoundedMap } from './bounded.mts';
import type { PictureStore } from './images.mts';
import type { Job } from './jobs.mts';
import { gifOf, plyOf } from './formats.mts';
import { modelOf } from './model.mts';
import { renderTurntable } from './render.mts';

const CACHE_SIZE = 64 * 1024 * 1024;

/** What a file's bytes depend on: the job's id and file name are not among it. */
function contentKey({ parameters, picture }: Job, index: number): string {
	const { endpoint, prompt, outputType, steps, guidanceScale, frameSize, seconds, seed } = parameters;
	return JSON.stringify([
		endpoint,
		picture,
		prompt,
		outputType,
		steps,
		guidanceScale,
		frameSize,
		seconds,
		seed,
		index,
	]);
}

/** Makes a job's files when somebody first asks for them, so that a thousand jobs cost nothing until then. */
export class Outputs {
	private readonly files = new BoundedMap<Buffer>(CACHE_SIZE);

	private last: Promise<unknown> = Promise.resolve();

	constructor(private readonly pictures: PictureStore) {}

	/**
	 * The bytes of a job's file. Equal requests give equal bytes.
	 * @returns undefined when the job's picture is not kept any more
	 */
	async file(job: Job, index: number): Promise<Buffer | undefined> {
		// One at a time: a turntable's frames take tens of megabytes until they are compressed.
		const making = this.last.then(async () => await this.make(job, index));
		this.last = making.catch(() => undefined);
		return await making;
	}

	private async make(job: Job, index: number): Promise<Buffer | undefined> {
		const key = contentKey(job, index);
		const kept = this.files.get(key);
		if (kept) return kept;
		const picture = job.picture === undefined ? undefined : this.pictures.get(job.picture);
		if (job.picture !== undefined && !picture) return undefined;
		const { mesh, view } = modelOf(job.parameters, picture, index);
		const file =
			job.parameters.outputType === 'ply' ? plyOf(mesh) : await gifOf(await renderTurntable(mesh, view));
		this.files.set(key, file, file.length);
		return file;
	}
}
