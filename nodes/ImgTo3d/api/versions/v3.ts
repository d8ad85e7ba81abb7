import { MODELSLAB, STABLE_DIFFUSION_API, type Version } from './version';

/** Source: the service's v3 reference for `img_to_3d` and `txt_to_3d`. */
export const v3: Version = {
	name: 'V3',
	result: 'Turntable (API V3)',
	makes: 'turntable',
	description: 'GIF turntable, seconds',
	baseUrls: [STABLE_DIFFUSION_API, MODELSLAB],
	paths: {
		submit: { imageTo3d: 'v3/img_to_3d', textTo3d: 'v3/txt_to_3d' },
		fetch: 'v3/fetch',
		upload: 'v3/base64_crop',
	},
	buildUploadBody: (image) => ({ image, crop: 'false' }),
	images: {
		max: 1,
		buildBody: ([image]) => ({ image }),
	},
};
