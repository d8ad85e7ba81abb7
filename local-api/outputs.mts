import path from 'node:path';

import { BoundedMap } from './bounded.mts';
import { gifOf, plyOf } from './model/formats.mts';
import type { Picture, PictureStore } from './images.mts';
import type { Job } from './jobs.mts';
import { meshFilesOf, meshTurntableOf, type MeshRecipe } from './model/mesh-files.mts';
import { modelOf } from './model/model.mts';
import type { ParametersV3 } from './parameters-v3.mts';
import type { ParametersV6 } from './parameters-v6.mts';
import { isV6 } from './parameters.mts';
import { renderTurntable } from './model/render.mts';

const CACHE_SIZE = 64 * 1024 * 1024;

/** Of version 6, whose requests do not say how large and how long it is: px and s. */
const MESH_TURNTABLE = { size: 256, seconds: 3 };

interface MadeFile {
	/** Without the dot. */
	extension: string;
	bytes: Buffer;
}

/** How files are made, those together that come from one piece of work. */
interface Making {
	/** What their bytes depend on besides the picture: the job's id is not among it. */
	dependsOn: unknown[];
	make(picture: Picture | undefined): Promise<MadeFile[]>;
}

function makingV3(parameters: ParametersV3, index: number): Making {
	const { endpoint, prompt, outputType, steps, guidanceScale, frameSize, seconds, seed } = parameters;
	return {
		dependsOn: [endpoint, prompt, outputType, steps, guidanceScale, frameSize, seconds, seed, index],
		async make(picture) {
			const { mesh, view } = modelOf(parameters, picture, index);
			const bytes = outputType === 'ply' ? plyOf(mesh) : await gifOf(await renderTurntable(mesh, view));
			return [{ extension: outputType, bytes }];
		},
	};
}

function makingV6(parameters: ParametersV6, name: string): Making {
	const { seed, resolution, meshSimplify, outputFormat } = parameters;
	const prompt = parameters.endpoint === 'text_to_3d' ? parameters.prompt : '';
	const recipe: MeshRecipe = { prompt, seed, resolution, meshSimplify };
	const file = path.parse(name);
	if (file.ext === '.gif') {
		const { size, seconds } = MESH_TURNTABLE;
		return {
			dependsOn: ['turntable', recipe],
			make: async (picture) => [
				{ extension: 'gif', bytes: await meshTurntableOf(recipe, picture, size, seconds) },
			],
		};
	}
	return {
		// An OBJ's files call each other by their names.
		dependsOn: [outputFormat, recipe, ...(outputFormat === 'obj' ? [file.name] : [])],
		make: async (picture) => await meshFilesOf(recipe, picture, outputFormat, file.name),
	};
}

function makingOf({ parameters, files }: Job, name: string): Making {
	return isV6(parameters) ? makingV6(parameters, name) : makingV3(parameters, files.outputs.indexOf(name));
}

/** Makes a job's files when somebody first asks for them, so that a thousand jobs cost nothing until then. */
export class Outputs {
	private readonly made = new BoundedMap<MadeFile[]>(CACHE_SIZE);

	private last: Promise<unknown> = Promise.resolve();

	constructor(private readonly pictures: PictureStore) {}

	/**
	 * The bytes of a job's file. Equal requests give equal bytes.
	 * @returns undefined when the job's picture is not kept any more
	 */
	async file(job: Job, name: string): Promise<Buffer | undefined> {
		// One at a time: a turntable's frames take tens of megabytes until they are compressed.
		const making = this.last.then(async () => await this.filesWith(job, name));
		this.last = making.catch(() => undefined);
		const extension = path.extname(name).slice(1);
		return (await making)?.find((file) => file.extension === extension)?.bytes;
	}

	/** The file and those that are made together with it. */
	private async filesWith(job: Job, name: string): Promise<MadeFile[] | undefined> {
		const { dependsOn, make } = makingOf(job, name);
		const key = JSON.stringify([job.picture, ...dependsOn]);
		const kept = this.made.get(key);
		if (kept) return kept;
		const picture = job.picture === undefined ? undefined : this.pictures.get(job.picture);
		if (job.picture !== undefined && !picture) return undefined;
		const files = await make(picture);
		const size = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
		this.made.set(key, files, size);
		return files;
	}
}
