import {
	NodeConnectionTypes,
	type IExecuteFunctions,
	type ILoadOptionsFunctions,
	type INodeListSearchResult,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
	type IWebhookDescription,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { searchJobs } from './account/search-jobs';
import { testCredential } from './api/credential-test';
import { runItems } from './item-loop/run-items';
import { properties, subtitle } from './operations';
import { SEARCH_JOBS } from './parameters/job-id';
import { handleResumeCall } from './suspend/resume';
import { RESUME_PATH } from './suspend/suspend';

/** Where the service calls a suspended execution. */
const WEBHOOKS: IWebhookDescription[] = [
	{
		name: 'default',
		httpMethod: 'POST',
		responseMode: 'onReceived',
		path: RESUME_PATH,
		restartWebhook: true,
	},
];

export class ImgTo3d implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Image to 3D',
		name: 'imgTo3d',
		icon: { light: 'file:../../icons/imgTo3d.svg', dark: 'file:../../icons/imgTo3d.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle,
		description:
			'Turn images and text prompts into 3D turntables and models (GLB, OBJ, STL, PLY) with Stable Diffusion API (ModelsLab)',
		defaults: { name: 'Image to 3D' },
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'stableDiffusionApi', required: true, testedBy: 'testCredential' }],
		usableAsTool: true,
		webhooks: WEBHOOKS,
		waitingNodeTooltip: 'The execution is suspended until the service has called for all of its jobs',
		properties,
	};

	methods = {
		credentialTest: { testCredential },
		listSearch: {
			async [SEARCH_JOBS](
				this: ILoadOptionsFunctions,
				filter?: string,
				paginationToken?: string,
			): Promise<INodeListSearchResult> {
				return await searchJobs(this, filter, paginationToken);
			},
		},
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		return await runItems(this);
	}

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await handleResumeCall(this);
	}
}
