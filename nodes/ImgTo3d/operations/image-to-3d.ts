import type { IBinaryData } from 'n8n-workflow';

import { describeFileAsText, describeTooManyImages } from '../api/error-texts';
import { isHttpUrl } from '../api/url';
import { nameVersions, VERSIONS, type ApiVersion } from '../api/versions';
import { readApiVersion } from '../parameters/api-version';
import { hintAtParameter } from '../parameters/builder-hint';
import type { Form } from '../parameters/form';
import { splitLinks } from '../parameters/links';
import { countImages, type BinarySource, type GenerationRequest, type ImageSource } from '../request';
import { generation, readGeneration } from './generation';
import type { Operation } from './operation';

const OPERATION = 'imageTo3d';
/** The results that can be made of several images. */
const SEVERAL = nameVersions(({ images }) => images.max > 1, 'result');

const IMAGE_SOURCES = ['url', 'binary'] as const;

export const imageTo3d: Operation<GenerationRequest> = {
	...generation,
	value: OPERATION,

	words: {
		name: 'Image to 3D',
		description: 'Turn an image into a 3D turntable or model. Each item is a paid job.',
		action: 'Turn image into 3D',
		tool: 'Turn an image into a 3D turntable or model, and get links to it. Each call is a new paid job, also with the same input, and takes seconds to minutes.',
	},

	properties: [
		{
			displayName: 'Image Source',
			name: 'imageSource',
			type: 'options',
			options: [
				{
					name: 'Binary File',
					value: 'binary',
					description: 'A file of the input item. The node uploads it to the service first, up to 5 MB.',
				},
				{
					name: 'URL',
					value: 'url',
					description: 'A link that the service can open',
				},
			],
			default: 'url',
			description: 'Where the image comes from',
			...hintAtParameter(
				'Binary File for a file that an earlier node outputs, such as a form, an upload or a download. URL only for links that are open to the internet.',
			),
			displayOptions: { show: { operation: [OPERATION] } },
		},
		{
			displayName: 'Image URL',
			name: 'image',
			type: 'string',
			required: true,
			default: '',
			placeholder: 'e.g. https://example.com/mug.jpg',
			description: `Link to the image. It must be open to the internet and lead to the file itself. One object on a plain background works best. With Result: ${SEVERAL}, several links can show one object from several sides: separate them with spaces, or enter a list.`,
			displayOptions: { show: { operation: [OPERATION], imageSource: ['url'] } },
		},
		{
			displayName: 'Input Binary Field',
			name: 'binaryPropertyName',
			type: 'string',
			required: true,
			default: 'data',
			placeholder: 'e.g. data',
			hint: 'The name of the input field that holds the image file',
			...hintAtParameter(
				'The name of the binary field that the earlier node outputs, not the content of the file. A form names it after its file field.',
			),
			description: `The binary field of the input item to upload: a JPEG, PNG, WebP or GIF of up to 5 MB. With Result: ${SEVERAL}, several fields can show one object from several sides: separate their names with commas.`,
			displayOptions: { show: { operation: [OPERATION], imageSource: ['binary'] } },
		},
	],

	read(form, common) {
		const apiVersion = readApiVersion(form);
		const image = readImageSource(form, apiVersion);
		return readGeneration(form, common, { operation: OPERATION, apiVersion, image });
	},
};

/** The fields of the files, or the files themselves if an expression brings them: one, a list, or all of an item. */
function readFiles(form: Form, apiVersion: ApiVersion): BinarySource[] {
	const entered = form.getValue('binaryPropertyName');
	const list: unknown[] =
		Array.isArray(entered) || !isObject(entered) || isFile(entered)
			? [entered].flat()
			: Object.values(entered);
	if (list.length > 0 && list.every(isFile)) return list;
	// Where a job takes one image, a comma is part of its field's name.
	const takesSeveral = VERSIONS[apiVersion].images.max > 1;
	const split = (text: string) => (takesSeveral ? text.trim().replace(/,$/, '').split(',') : [text]);
	const rule = 'must be the name of a binary field, a file, or a list of either';
	return form.readTexts('binaryPropertyName', 'Input Binary Field', rule, split);
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether an expression has brought a file of n8n. `$binary` leaves out the data of files that n8n keeps in memory. */
const isFile = (value: unknown): value is IBinaryData =>
	isObject(value) && 'mimeType' in value && ('data' in value || 'id' in value);

/** Matches how base64 begins. It is so long that no word is meant. */
const BASE64 = /^[\w+/=-]{64}/;

/** Whether a text is a file itself and not a link: a `data:` URL, or base64. */
const isFileAsText = (text: string): boolean => /^data:/i.test(text) || BASE64.test(text);

/** @throws NodeOperationError if a job of this version does not take that many images */
function readImageSource(form: Form, apiVersion: ApiVersion): ImageSource {
	const image = readImages(form, apiVersion);
	const count = countImages(image);
	if (count <= VERSIONS[apiVersion].images.max) return image;
	throw form.refuse(describeTooManyImages(image.from, count, apiVersion));
}

function readImages(form: Form, apiVersion: ApiVersion): ImageSource {
	if (form.readChoice('imageSource', 'Image Source', IMAGE_SOURCES) === 'binary') {
		return { from: 'binary', properties: readFiles(form, apiVersion) };
	}
	const urls = form.readTexts('image', 'Image URL', 'must be a link, or a list of links', splitLinks);
	const wrong = urls.find((url) => !isHttpUrl(url));
	if (wrong === undefined) return { from: 'url', urls };
	if (isFileAsText(wrong)) throw form.refuse(describeFileAsText());
	throw form.createError('Image URL', wrong, 'must be a link that begins with http:// or https://');
}
