import type { Version } from './version';
import { v6 } from './v6';

/** Matches the beginning of a `data:` URL of an image. */
const HEAD = /^data:image\/([\w.+-]+);base64,/;

/**
 * The dedicated servers of a customer. Sources: the pages of the service's enterprise reference about its 3D API, for the
 * paths, and about `upload_image`. The fields and the answers are taken for those of V6, whose names they have. Nothing is
 * published about the answer to an upload: it is read like the others, with its link in `link` or `output`.
 */
export const enterprise: Version = {
	...v6,
	name: 'Enterprise',
	result: '3D Model, Own Server (Enterprise)',
	description: 'Like V6, on your own dedicated server',
	paths: {
		submit: { imageTo3d: 'v1/enterprise/3d/image_to_3d', textTo3d: 'v1/enterprise/3d/text_to_3d' },
		fetch: 'v1/enterprise/3d/fetch',
		upload: 'v1/enterprise/upload_image',
	},
	buildUploadBody: (dataUri) => {
		const [head = '', type] = HEAD.exec(dataUri) ?? [];
		return { base64_image: dataUri.slice(head.length), image_type: type, deploy_type: 'text_to_3d' };
	},
};
