import type { INodeProperties } from 'n8n-workflow';

export const imageTo3dProperties: INodeProperties[] = [
	{
		displayName: 'Image Source',
		name: 'imageSource',
		type: 'options',
		options: [
			{
				name: 'URL',
				value: 'url',
				description: 'A link that the service can open',
			},
			{
				name: 'Binary File',
				value: 'binary',
				description: 'A file of the input item. It is uploaded to the service first, up to 5 MB.',
			},
		],
		default: 'url',
		description: 'Where the image comes from',
		displayOptions: { show: { operation: ['imageTo3d'] } },
	},
	{
		displayName: 'Image URL',
		name: 'image',
		type: 'string',
		required: true,
		default: '',
		placeholder: 'e.g. https://example.com/mug.jpg',
		description:
			'Link to the image. It must be open to the internet and lead to the file itself. One object on a plain background works best. With API Version V6 several links, with spaces between them or as a list, show the object from several sides.',
		displayOptions: { show: { operation: ['imageTo3d'], imageSource: ['url'] } },
	},
	{
		displayName: 'Input Binary Field',
		name: 'binaryPropertyName',
		type: 'string',
		required: true,
		default: 'data',
		placeholder: 'e.g. data',
		hint: 'The name of the input field that holds the image file',
		description:
			'The binary field of the input item to upload: a JPEG, PNG, WebP or GIF of up to 5 MB. With API Version V6 several fields, with commas between them, show the object from several sides.',
		displayOptions: { show: { operation: ['imageTo3d'], imageSource: ['binary'] } },
	},
];
