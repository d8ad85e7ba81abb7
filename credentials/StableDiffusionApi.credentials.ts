import type { IAuthenticateGeneric, Icon, ICredentialType, INodeProperties } from 'n8n-workflow';

/** A constant, because n8n's lint wants the name itself to end with "API". */
const DISPLAY_NAME = 'Stable Diffusion API (ModelsLab)';

/** An account of Stable Diffusion API (now ModelsLab): its key, and where the API is. The nodes test it. */
export class StableDiffusionApi implements ICredentialType {
	name = 'stableDiffusionApi';

	displayName = DISPLAY_NAME;

	documentationUrl = 'https://github.com/n8n-nodes-img-to-3d/n8n-nodes-img-to-3d#the-credential';

	icon: Icon = {
		light: 'file:../icons/imgTo3d.svg',
		dark: 'file:../icons/imgTo3d.dark.svg',
	};

	properties: INodeProperties[] = [
		{
			displayName: 'API Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			required: true,
			default: '',
			placeholder: 'e.g. the 60 characters from your account page',
			description:
				'Create a key on the <a href="https://modelslab.com/dashboard/api-keys">API keys page of ModelsLab</a>. It is sent in the body of API calls and nowhere else.',
		},
		{
			displayName: 'Service',
			name: 'service',
			type: 'options',
			options: [
				{ name: 'ModelsLab', value: 'modelsLab', description: 'https://modelslab.com/api' },
				{
					name: 'Other',
					value: 'other',
					description: 'Another address, such as that of the stand-in service of this package',
				},
				{
					name: 'Stable Diffusion API',
					value: 'stableDiffusionApi',
					description: 'https://stablediffusionapi.com/api',
				},
			],
			default: 'modelsLab',
			description:
				'The service that the key belongs to. Stable Diffusion API is now called ModelsLab. 3D models (API V6) are documented at ModelsLab only.',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: '',
			placeholder: 'e.g. http://127.0.0.1:3003/api',
			description:
				'The address before /v3 and /v6. The stand-in service of this package (npm run local-api) is at http://127.0.0.1:3003/api.',
			displayOptions: { show: { service: ['other'] } },
		},
	];

	// The API takes its key from the JSON body only, not from a header or the URL.
	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: { body: { key: '={{$credentials.apiKey.trim()}}' } },
	};
}
