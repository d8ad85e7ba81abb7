import path from 'node:path';

import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';

import type { PictureStore } from './images.mts';
import type { Job } from './jobs.mts';
import { writeGif, writePly } from './model/formats.mts';
import { makeMeshFiles, makeMeshTurntable, type MeshRecipe } from './model/mesh-files.mts';
import { buildModel, type TurntableRecipe } from './model/model.mts';
import type { Picture } from './model/picture.mts';
import { renderTurntable } from './model/render.mts';
import type { ParametersV3 } from './parameters-v3.mts';
import type { ParametersV6 } from './parameters-v6.mts';
import { isV6 } from './parameters.mts';

const CACHE_SIZE = 64 * 1024 * 1024;

/** Size and length of V6's turntables, px and s. A request of V6 does not say them. */
const MESH_TURNTABLE = { size: 256, seconds: 3 };

interface MadeFile {
	/** Without the dot. */
	extension: string;
	bytes: Buffer;
}

/** How to make files. Files that come from the same work are made together. */
interface Recipe {
	/** What the bytes depend on besides the picture. The job's ID is not part of it. */
	dependsOn: unknown[];
	make(picture: Picture | undefined): Promise<MadeFile[]>;
}

function readRecipeV3(parameters: ParametersV3, index: number): Recipe {
	const { endpoint, prompt, outputType, steps, guidanceScale, frameSize, seconds, seed } = parameters;
	const recipe: TurntableRecipe = { prompt, steps, guidanceScale, frameSize, seconds, seed };
	return {
		dependsOn: [endpoint, outputType, recipe, index],
		async make(picture) {
			const { mesh, view } = buildModel(recipe, picture, index);
			const bytes = outputType === 'ply' ? writePly(mesh) : await writeGif(await renderTurntable(mesh, view));
			return [{ extension: outputType, bytes }];
		},
	};
}

function readRecipeV6(parameters: ParametersV6, name: string): Recipe {
	const { seed, resolution, meshSimplify, outputFormat } = parameters;
	const prompt = parameters.endpoint === 'text_to_3d' ? parameters.prompt : '';
	const recipe: MeshRecipe = { prompt, seed, resolution, meshSimplify };
	const file = path.parse(name);
	if (file.ext === '.gif') {
		const { size, seconds } = MESH_TURNTABLE;
		return {
			dependsOn: ['turntable', recipe],
			make: async (picture) => [
				{ extension: 'gif', bytes: await makeMeshTurntable(recipe, picture, size, seconds) },
			],
		};
	}
	return {
		// The files of an OBJ refer to each other by name.
		dependsOn: [outputFormat, recipe, ...(outputFormat === 'obj' ? [file.name] : [])],
		make: async (picture) => await makeMeshFiles(recipe, picture, outputFormat, file.name),
	};
}

function readRecipe({ parameters, files }: Job, name: string): Recipe {
	return isV6(parameters)
		? readRecipeV6(parameters, name)
		: readRecipeV3(parameters, files.outputs.indexOf(name));
}

/** Made files, by what they depend on. Several services can share them. */
export type MadeFiles = LRUCache<string, MadeFile[]>;

export function createMadeFiles(): MadeFiles {
	return new LRUCache({
		maxSize: CACHE_SIZE,
		sizeCalculation: (files) => files.reduce((sum, { bytes }) => sum + bytes.length, 1),
	});
}

/** How many files are made at once: one is drawn while others are compressed. The frames of each take tens of megabytes. */
const AT_ONCE = 3;

/** Makes a job's files at the first request for them, so that a thousand jobs cost nothing until then. */
export class Outputs {
	private readonly limit = pLimit(AT_ONCE);

	/** The files that are being made, by what they depend on. */
	private readonly making = new Map<string, Promise<MadeFile[] | undefined>>();

	constructor(
		private readonly pictures: PictureStore,
		private readonly made: MadeFiles,
	) {}

	/**
	 * Makes a file of a job. Equal requests give equal bytes.
	 *
	 * @returns undefined when the job's picture is no longer kept
	 */
	async makeFile(job: Job, name: string): Promise<Buffer | undefined> {
		const recipe = readRecipe(job, name);
		const key = JSON.stringify([job.picture, ...recipe.dependsOn]);
		const files = this.made.get(key) ?? (await this.makeFiles(key, job, recipe));
		const extension = path.extname(name).slice(1);
		return files?.find((file) => file.extension === extension)?.bytes;
	}

	/** Makes the files of a recipe, once for all that ask for them meanwhile. */
	private async makeFiles(key: string, job: Job, { make }: Recipe): Promise<MadeFile[] | undefined> {
		const running =
			this.making.get(key) ??
			this.limit(async () => {
				try {
					const picture = job.picture === undefined ? undefined : this.pictures.get(job.picture);
					if (job.picture !== undefined && !picture) return undefined;
					const files = await make(picture);
					this.made.set(key, files);
					return files;
				} finally {
					this.making.delete(key);
				}
			});
		this.making.set(key, running);
		return await running;
	}
}
