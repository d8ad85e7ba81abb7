import { MODELSLAB, type Version } from './version';

/** Source: the OpenAPI description of the service's v6 3D endpoints (version 6.0.0). */
export const v6: Version = {
	name: 'V6',
	result: '3D Model (API V6)',
	makes: '3D model',
	description: '3D model, 5 to 15 minutes',
	baseUrls: [MODELSLAB],
	paths: {
		submit: { imageTo3d: 'v6/3d/image_to_3d', textTo3d: 'v6/3d/text_to_3d' },
		fetch: 'v6/3d/fetch',
		// The endpoint of the same name under v6/3d takes 3D files.
		upload: 'v6/base64_to_url',
	},
	buildUploadBody: (file) => ({ base64_string: file }),
	images: {
		max: Infinity,
		switch: 'multiImage',
		/** The list of required fields calls it `image`, the example `init_image`: it is sent as both. */
		buildBody: (links) => {
			const image = links.length === 1 ? links[0] : [...links];
			return { image, init_image: image };
		},
	},
};
