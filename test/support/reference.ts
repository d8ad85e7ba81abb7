/** Examples of `img_to_3d` and `txt_to_3d` from the service's reference, word for word. */

/** The example body, without the key. */
export const EXAMPLE_BODY = {
	guidance_scale: 5,
	steps: 64,
	frame_size: 128,
	batch_size: 10,
	seed: 20,
	safety_checker: 'no',
	seconds: 4,
	webhook: null,
	track_id: null,
};

/** The sample response. */
export const SAMPLE_RESPONSE = {
	status: 'success',
	generationTime: 6,
	id: 326,
	output: ['https://cdn.stablediffusionapi.com/generations/2d74af44-825c-4cff-9fe9-3716bd40c9fd.gif'],
	meta: {
		file_prefix: '2d74af44-825c-4cff-9fe9-3716bd40c9fd',
		frame_size: 256,
		guidance_scale: 15,
		negative_prompt: '',
		outdir: 'out',
		output_type: 'gif',
		prompt: 'A birthday cupcake',
		safetychecker: 'no',
		seconds: 3,
		seed: 1110454524,
		steps: 64,
	},
};
