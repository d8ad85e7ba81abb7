import { Check, type Body, type ReadBody } from './check.mts';

export const ENDPOINTS_V3 = ['img_to_3d', 'txt_to_3d'] as const;
export type EndpointV3 = (typeof ENDPOINTS_V3)[number];

/** The body of a submit after its check: every value is in its documented range, and has its default or a random seed. */
export interface ParametersV3 {
	endpoint: EndpointV3;
	/** Link to the image. '' for txt_to_3d. */
	image: string;
	prompt: string;
	negativePrompt: string;
	outputType: 'gif' | 'ply';
	/** 1 to 64 */
	steps: number;
	/** 1 to 20 */
	guidanceScale: number;
	/** Edge of a frame, 1 to 1024 px. */
	frameSize: number;
	/** Length of the turntable, 1 to 20 s. */
	seconds: number;
	/** Outputs per job, 1 to 10. */
	batchSize: number;
	seed: number;
	safetyChecker: 'yes' | 'no';
	webhook: string | null;
	trackId: string | null;
}

/** Checks a body of version 3 against the documented fields and ranges. */
export function readV3(endpoint: EndpointV3, body: Body): ReadBody<ParametersV3> {
	const check = new Check(body);
	return check.finish({
		endpoint,
		image: endpoint === 'img_to_3d' ? check.readRequiredText('image') : '',
		prompt: endpoint === 'txt_to_3d' ? check.readRequiredText('prompt') : '',
		negativePrompt: check.readText('negative_prompt') ?? '',
		outputType: check.readChoice('output_type', ['gif', 'ply']),
		steps: check.readNumber('steps', 1, 64, 64),
		guidanceScale: check.readNumber('guidance_scale', 1, 20, endpoint === 'img_to_3d' ? 5 : 15, false),
		frameSize: check.readNumber('frame_size', 1, 1024, 256),
		seconds: check.readNumber('seconds', 1, 20, 3),
		batchSize: check.readNumber('batch_size', 1, 10, 1),
		seed: check.readSeed('seed'),
		safetyChecker: check.readYesOrNo('safety_checker'),
		webhook: check.readUrl('webhook'),
		trackId: check.readText('track_id'),
	});
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function describeMetaV3(parameters: ParametersV3, filePrefix: string): Record<string, unknown> {
	return {
		file_prefix: filePrefix,
		frame_size: parameters.frameSize,
		guidance_scale: parameters.guidanceScale,
		...(parameters.endpoint === 'img_to_3d' ? { image: parameters.image } : {}),
		negative_prompt: parameters.negativePrompt,
		outdir: 'out',
		output_type: parameters.outputType,
		prompt: parameters.prompt,
		safetychecker: parameters.safetyChecker,
		seconds: parameters.seconds,
		seed: parameters.seed,
		steps: parameters.steps,
	};
}
