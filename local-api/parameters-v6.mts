import { isDeepStrictEqual } from 'node:util';

import { Check, isGiven, type Body, type ReadBody } from './check.mts';
import type { MeshFormat } from './model/mesh-files.mts';

export const ENDPOINTS_V6 = ['image_to_3d', 'text_to_3d'] as const;
export type EndpointV6 = (typeof ENDPOINTS_V6)[number];

/** The fields of both endpoints. */
interface MeshParameters {
	outputFormat: MeshFormat;
	/** Whether a turntable is made besides the mesh. */
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
	/** Share of the faces that is removed, 0.9 to 0.98. */
	meshSimplify: number;
	/** 1 to 12000 */
	chunkSize: number;
	seed: number;
	temp: 'yes' | 'no';
	webhook: string | null;
	trackId: string | null;
}

interface ImageFields {
	/** Links to the images, at least one. They are views of the same object. */
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

/** The body of a submit after its check: every value is in its documented range, and has its default or a random seed. */
export type ParametersV6 = ImageTo3dParameters | TextTo3dParameters;

/** What `meta` says for the fields of the other endpoint. */
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
 * @param resolution the default
 * @param steps the default of both samplings
 */
function readMeshFields(check: Check, resolution: number, steps: number): MeshParameters {
	return {
		outputFormat: check.readChoice('output_format', ['glb', 'obj', 'stl', 'ply']),
		render: check.readBoolean('render'),
		resolution: check.readNumber('resolution', 1, 512, resolution),
		ssGuidanceStrength: check.readNumber('ss_guidance_strength', 0, Infinity, 7.5, false),
		ssSamplingSteps: check.readNumber('ss_sampling_steps', 1, 50, steps),
		slatGuidanceStrength: check.readNumber('slat_guidance_strength', 0, 10, 3, false),
		slatSamplingSteps: check.readNumber('slat_sampling_steps', 1, 50, steps),
		meshSimplify: check.readNumber('mesh_simplify', 0.9, 0.98, 0.9, false),
		chunkSize: check.readNumber('chunk_size', 1, 12_000, 8192),
		seed: check.readSeed('seed', true),
		temp: check.readYesOrNo('temp'),
		webhook: check.readUrl('webhook'),
		trackId: check.readText('track_id'),
	};
}

function readImageFields(check: Check, body: Body): ImageFields {
	const multiImage = check.readBoolean('multi_image');
	const { image, init_image: initImage } = body;
	const field = isGiven(initImage) && !isGiven(image) ? 'init_image' : 'image';
	if (isGiven(image) && isGiven(initImage) && !isDeepStrictEqual(image, initImage)) {
		check.fail('init_image', 'field must match image.');
	}
	if (Array.isArray(body[field]) && !multiImage) {
		check.fail(field, 'must be a string unless multi_image is true.');
		return { images: [], multiImage };
	}
	return { images: check.readLinks(field), multiImage };
}

function readTextFields(check: Check): TextFields {
	return {
		prompt: check.readRequiredText('prompt'),
		negativePrompt: check.readText('negative_prompt') ?? WITHOUT_PROMPT.negativePrompt,
		guidanceScale: check.readNumber('guidance_scale', 0, Infinity, WITHOUT_PROMPT.guidanceScale, false),
		numInferenceSteps: check.readNumber('num_inference_steps', 1, Infinity, WITHOUT_PROMPT.numInferenceSteps),
		foregroundRatio: check.readNumber('foreground_ratio', 0, 1, WITHOUT_PROMPT.foregroundRatio, false),
		removeBg: check.readBoolean('remove_bg'),
	};
}

/** Checks a body of version 6 against the documented fields and ranges. */
export function readV6(endpoint: EndpointV6, body: Body): ReadBody<ParametersV6> {
	const check = new Check(body);
	return check.finish<ParametersV6>(
		endpoint === 'image_to_3d'
			? { endpoint, ...readImageFields(check, body), ...readMeshFields(check, 256, 12) }
			: { endpoint, ...readTextFields(check), ...readMeshFields(check, 512, 50) },
	);
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function describeMetaV6(parameters: ParametersV6, filePrefix: string): Record<string, unknown> {
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
