import { randomInt } from 'node:crypto';

export type Endpoint = 'img_to_3d' | 'txt_to_3d';
export type OutputType = 'gif' | 'ply';

/** A submit's body after its check: every value in its documented range, defaults filled in, the seed drawn. */
export interface Parameters {
	endpoint: Endpoint;
	/** Link to the picture; '' for txt_to_3d. */
	image: string;
	prompt: string;
	negativePrompt: string;
	outputType: OutputType;
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

/** Field -> what is wrong with it, as the service words it. */
export type FieldErrors = Record<string, string[]>;

type Body = Record<string, unknown>;

/** Absent, null and '' all mean "not given" to the service. */
function isGiven(value: unknown): boolean {
	return value !== undefined && value !== null && value !== '';
}

class Check {
	readonly errors: FieldErrors = {};

	constructor(private readonly body: Body) {}

	private fail(field: string, complaint: string): void {
		(this.errors[field] ??= []).push(`The ${field} ${complaint}`);
	}

	requiredText(field: string): string {
		if (!isGiven(this.body[field])) {
			this.fail(field, 'field is required.');
			return '';
		}
		return this.text(field) ?? '';
	}

	text(field: string): string | null {
		const value = this.body[field];
		if (!isGiven(value)) return null;
		if (typeof value === 'string') return value;
		this.fail(field, 'must be a string.');
		return null;
	}

	url(field: string): string | null {
		const value = this.text(field);
		if (value === null) return null;
		if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
		this.fail(field, 'must be a valid URL.');
		return null;
	}

	number(field: string, least: number, most: number, fallback: number, integer = true): number {
		const value = this.body[field];
		if (!isGiven(value)) return fallback;
		if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(field, 'must be a number.');
		else if (integer && !Number.isInteger(value)) this.fail(field, 'must be an integer.');
		else if (value < least || value > most) this.fail(field, `must be between ${least} and ${most}.`);
		else return value;
		return fallback;
	}

	seed(field: string): number {
		const value = this.body[field];
		if (!isGiven(value)) return randomInt(2 ** 31);
		if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
		this.fail(field, 'must be an integer.');
		return 0;
	}

	choice<T extends string>(field: string, choices: readonly [T, ...T[]]): T {
		const value = this.body[field];
		if (!isGiven(value)) return choices[0];
		const chosen = choices.find((choice) => choice === value);
		if (chosen === undefined) this.fail(field, `must be one of: ${choices.join(', ')}.`);
		return chosen ?? choices[0];
	}
}

/** Checks a submit's body against the documented fields and ranges. */
export function readParameters(
	endpoint: Endpoint,
	body: Body,
): { parameters: Parameters } | { errors: FieldErrors } {
	const check = new Check(body);
	const parameters: Parameters = {
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
		safetyChecker: check.choice('safety_checker', ['no', 'yes']),
		webhook: check.url('webhook'),
		trackId: check.text('track_id'),
	};
	return Object.keys(check.errors).length > 0 ? { errors: check.errors } : { parameters };
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function metaOf(parameters: Parameters, filePrefix: string): Record<string, unknown> {
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
