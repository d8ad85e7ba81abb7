import type {
	IAuthenticateGeneric,
	Icon,
	ICredentialTestRequest,
	ICredentialType,
	INodeProperties,
} from 'n8n-workflow';

/** An account of Stable Diffusion API (now ModelsLab): its key, and the address of the API. */
export class StableDiffusionApi implements ICredentialType {
	name = 'stableDiffusionApi';

	displayName = 'Stable Diffusion API';

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
				'The key from the API settings of your Stable Diffusion API or ModelsLab account. It is sent in the body of API calls and nowhere else.',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: 'https://stablediffusionapi.com/api',
			placeholder: 'e.g. https://modelslab.com/api',
			description:
				'The address before /v3 and /v6. The service is now called ModelsLab and also answers at https://modelslab.com/api. V6 is documented there only. The stand-in service of this package (npm run local-api) is at http://127.0.0.1:3003/api.',
		},
	];

	// The API takes its key from the JSON body only, not from a header or the URL.
	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: { body: { key: '={{$credentials.apiKey.trim()}}' } },
	};

	// system_load generates nothing, so it costs nothing. The service answers a wrong key with HTTP 200 and `status: error`.
	// HTTP errors are ignored, so every failure ends in one of the two rules and not in n8n's own words. A declarative test
	// cannot quote where a redirect leads. The node's own errors do.
	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.baseUrl.trim().replace(/(?<!\\/)\\/+$/, "")}}',
			url: '/v3/system_load',
			method: 'POST',
			disableFollowRedirect: true,
			ignoreHttpStatusErrors: true,
		},
		rules: [
			{
				type: 'responseSuccessBody',
				properties: {
					key: 'status',
					value: 'error',
					message:
						'The service refused the call, most likely because of the API key. Copy the key again from your account, and make sure that it belongs to the service at Base URL.',
				},
			},
			{
				type: 'responseSuccessBody',
				properties: {
					// Every right answer has this field.
					key: 'queue_num',
					value: undefined,
					message:
						'Base URL does not answer as this API does to a right key, or it redirects to another address, where the key is not sent. Base URL must end where /v3 and /v6 begin. stablediffusionapi.com is now ModelsLab: try https://modelslab.com/api',
				},
			},
		],
	};
}
