import {
	NodeConnectionTypes,
	type IExecuteFunctions,
	type ILoadOptionsFunctions,
	type INodeListSearchResult,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { searchJobs } from './account/search-jobs';
import { testCredential } from './api/credential-test';
import { runItems } from './item-loop/run-items';
import { properties, subtitle } from './operations';
import { hintAtNode } from './parameters/builder-hint';
import { SEARCH_JOBS } from './parameters/job-id';
import { handleResumeCall } from './suspend/resume';
import { RESUME_PATH } from './suspend/suspend';

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
		// Where the service calls a suspended execution.
		webhooks: [
			{
				name: 'default',
				httpMethod: 'POST',
				responseMode: 'onReceived',
				path: RESUME_PATH,
				restartWebhook: true,
			},
		],
		waitingNodeTooltip: 'The execution is suspended until the service has called for all of its jobs',
		properties,
		...hintAtNode(
			'Makes a 3D turntable (GIF) or model (GLB, OBJ, STL, PLY) of an image or a prompt. Each item of Image to 3D and Text to 3D is a paid job, so filter out items that need none. The node takes many items at once: do not loop over it.',
			'imgTo3dTrigger',
			"Starts another workflow when a job ends that was submitted with Wait for Completion: Don't Wait",
		),
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

	// n8n's lint wants these methods of each node with webhooks. Nothing is registered at the service: each submit sends the
	// address of its execution. n8n does not call them for an address that resumes an execution.
	webhookMethods = {
		default: {
			checkExists: async () => true,
			create: async () => true,
			delete: async () => true,
		},
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		return await runItems(this);
	}

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await handleResumeCall(this);
	}
}
