import { Check, type Body, type Reading } from './check.mts';

export const ENDPOINTS_V3 = ['img_to_3d', 'txt_to_3d'] as const;
export type EndpointV3 = (typeof ENDPOINTS_V3)[number];

/** A submit's body after its check: every value in its documented range, defaults filled in, the seed drawn. */
export interface ParametersV3 {
	endpoint: EndpointV3;
	/** Link to the picture; '' for txt_to_3d. */
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
export function readV3(endpoint: EndpointV3, body: Body): Reading<ParametersV3> {
	const check = new Check(body);
	return check.reading({
		endpoint,
		image: endpoint === 'img_to_3d' ? check.requiredText('image') : '',
		prompt: endpoint === 'txt_to_3d' ? check.requiredText('prompt') : '',
		negativePrompt: check.text('negative_prompt') ?? '',
		outputType: check.choice('output_type', ['gif', 'ply']),
		steps: check.number('steps', 1, 64, 64),
		guidanceScale: check.number('guidance_scale', 1, 20, endpoint === 'img_to_3d' ? 5 : 15, false),
		frameSize: check.number('frame_size', 1, 1024, 256),
		seconds: check.number('seconds', 1, 20, 3),
		batchSize: check.number('batch_size', 1, 10, 1),
		seed: check.seed('seed'),
		safetyChecker: check.yesOrNo('safety_checker'),
		webhook: check.url('webhook'),
		trackId: check.text('track_id'),
	});
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function metaOfV3(parameters: ParametersV3, filePrefix: string): Record<string, unknown> {
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
