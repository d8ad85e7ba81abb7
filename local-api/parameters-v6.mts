import { isDeepStrictEqual } from 'node:util';

import { Check, isGiven, type Body, type Reading } from './check.mts';
import type { MeshFormat } from './model/mesh-files.mts';

export const ENDPOINTS_V6 = ['image_to_3d', 'text_to_3d'] as const;
export type EndpointV6 = (typeof ENDPOINTS_V6)[number];

/** What both endpoints take. */
interface MeshParameters {
	outputFormat: MeshFormat;
	/** Whether a turntable comes beside the mesh. */
	render: boolean;
	/** 1 to 512 */
	resolution: number;
	/** From 0. */
	ssGuidanceStrength: number;
	/** 1 to 50 */
	ssSamplingSteps: number;
	/** 0 to 10 */
	slatGuidanceStrength: number;
	/** 1 to 50 */
	slatSamplingSteps: number;
	/** Part of the faces that is simplified away, 0.9 to 0.98. */
	meshSimplify: number;
	/** 1 to 12000 */
	chunkSize: number;
	seed: number;
	temp: 'yes' | 'no';
	webhook: string | null;
	trackId: string | null;
}

interface ImageFields {
	/** Links to the pictures, at least one: views of the same object. */
	images: string[];
	multiImage: boolean;
}

interface TextFields {
	prompt: string;
	negativePrompt: string;
	/** From 0. */
	guidanceScale: number;
	/** From 1. */
	numInferenceSteps: number;
	/** 0 to 1 */
	foregroundRatio: number;
	removeBg: boolean;
}

export type ImageTo3dParameters = MeshParameters & ImageFields & { endpoint: 'image_to_3d' };
export type TextTo3dParameters = MeshParameters & TextFields & { endpoint: 'text_to_3d' };

/** A submit's body after its check: every value in its documented range, defaults filled in, the seed drawn. */
export type ParametersV6 = ImageTo3dParameters | TextTo3dParameters;

/** What `meta` says of the fields that the other endpoint has. */
const WITHOUT_IMAGE: ImageFields = { images: [''], multiImage: false };
const WITHOUT_PROMPT: TextFields = {
	prompt: '',
	negativePrompt: '',
	guidanceScale: 3,
	numInferenceSteps: 30,
	foregroundRatio: 0.85,
	removeBg: false,
};

const TEXTURE_SIZE = 1024;

/**
 * @param resolution its default
 * @param steps the default of both samplings
 */
function readMesh(check: Check, resolution: number, steps: number): MeshParameters {
	return {
		outputFormat: check.choice('output_format', ['glb', 'obj', 'stl', 'ply']),
		render: check.boolean('render'),
		resolution: check.number('resolution', 1, 512, resolution),
		ssGuidanceStrength: check.number('ss_guidance_strength', 0, Infinity, 7.5, false),
		ssSamplingSteps: check.number('ss_sampling_steps', 1, 50, steps),
		slatGuidanceStrength: check.number('slat_guidance_strength', 0, 10, 3, false),
		slatSamplingSteps: check.number('slat_sampling_steps', 1, 50, steps),
		meshSimplify: check.number('mesh_simplify', 0.9, 0.98, 0.9, false),
		chunkSize: check.number('chunk_size', 1, 12_000, 8192),
		seed: check.seed('seed', true),
		temp: check.yesOrNo('temp'),
		webhook: check.url('webhook'),
		trackId: check.text('track_id'),
	};
}

function readImages(check: Check, body: Body): ImageFields {
	const multiImage = check.boolean('multi_image');
	const { image, init_image: initImage } = body;
	const field = isGiven(initImage) && !isGiven(image) ? 'init_image' : 'image';
	if (isGiven(image) && isGiven(initImage) && !isDeepStrictEqual(image, initImage)) {
		check.fail('init_image', 'field must match image.');
	}
	if (Array.isArray(body[field]) && !multiImage) {
		check.fail(field, 'must be a string unless multi_image is true.');
		return { images: [], multiImage };
	}
	return { images: check.links(field), multiImage };
}

function readText(check: Check): TextFields {
	return {
		prompt: check.requiredText('prompt'),
		negativePrompt: check.text('negative_prompt') ?? WITHOUT_PROMPT.negativePrompt,
		guidanceScale: check.number('guidance_scale', 0, Infinity, WITHOUT_PROMPT.guidanceScale, false),
		numInferenceSteps: check.number('num_inference_steps', 1, Infinity, WITHOUT_PROMPT.numInferenceSteps),
		foregroundRatio: check.number('foreground_ratio', 0, 1, WITHOUT_PROMPT.foregroundRatio, false),
		removeBg: check.boolean('remove_bg'),
	};
}

/** Checks a body of version 6 against the documented fields and ranges. */
export function readV6(endpoint: EndpointV6, body: Body): Reading<ParametersV6> {
	const check = new Check(body);
	return check.reading<ParametersV6>(
		endpoint === 'image_to_3d'
			? { endpoint, ...readImages(check, body), ...readMesh(check, 256, 12) }
			: { endpoint, ...readText(check), ...readMesh(check, 512, 50) },
	);
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function metaOfV6(parameters: ParametersV6, filePrefix: string): Record<string, unknown> {
	const all = { ...WITHOUT_IMAGE, ...WITHOUT_PROMPT, ...parameters };
	return {
		chunk_size: all.chunkSize,
		file_prefix: filePrefix,
		foreground_ratio: String(all.foregroundRatio),
		guidance_scale: all.guidanceScale,
		image: all.multiImage ? all.images : all.images[0],
		negative_prompt: all.negativePrompt,
		num_inference_steps: all.numInferenceSteps,
		output_format: all.outputFormat,
		prompt: all.prompt,
		remove_bg: all.removeBg,
		render: all.render,
		resolution: all.resolution,
		seed: all.seed,
		temp: all.temp,
		ss_guidance_strength: all.ssGuidanceStrength,
		ss_sampling_steps: all.ssSamplingSteps,
		slat_guidance_strength: all.slatGuidanceStrength,
		slat_sampling_steps: all.slatSamplingSteps,
		mesh_simplify: all.meshSimplify,
		multi_image: all.multiImage,
		texture_size: TEXTURE_SIZE,
	};
}
