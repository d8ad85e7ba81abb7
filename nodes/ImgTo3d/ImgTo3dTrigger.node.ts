import {
	NodeConnectionTypes,
	type INodeType,
	type INodeTypeDescription,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { testCredential } from './api/credential-test';
import { hintAtNode } from './parameters/builder-hint';
import { triggerProperties } from './trigger/parameters';
import { handleTriggerCall } from './trigger/receive';

export class ImgTo3dTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Image to 3D Trigger',
		name: 'imgTo3dTrigger',
		icon: { light: 'file:../../icons/imgTo3dTrigger.svg', dark: 'file:../../icons/imgTo3dTrigger.dark.svg' },
		group: ['trigger'],
		version: 1,
		subtitle:
			'={{ $parameter["events"].join(", ") + ($parameter["options"]["trackId"] ? ": " + $parameter["options"]["trackId"] : "") }}',
		// The nodes panel shows both nodes as one entry, with the trigger's description. So it is about the action, too.
		description:
			'Turn images and text prompts into 3D turntables and models (GLB, OBJ, STL, PLY) with Stable Diffusion API (ModelsLab), or start when one is done',
		eventTriggerDescription: 'Now submit a job with the Test URL as its Webhook URL',
		activationMessage: 'The service can now call the Production URL of the trigger.',
		triggerPanel: {
			header: 'Wait for the service to call',
			executionsHelp: {
				inactive:
					'<b>While you build the workflow</b>, press the button above, then submit a job with the Test URL as its Webhook URL. <b>When you are done</b>, publish (activate) the workflow: each job with the Production URL then starts it.',
				active:
					'<b>While you build the workflow</b>, press the button above, then submit a job with the Test URL as its Webhook URL. <b>Jobs with the Production URL</b> start the workflow on their own, and are shown in the list of executions.',
			},
			activationHint:
				'When the workflow is published (active), each job that was submitted with the Production URL starts it.',
		},
		defaults: { name: 'Image to 3D Trigger' },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'stableDiffusionApi', required: true, testedBy: 'testCredential' }],
		webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'webhook' }],
		properties: triggerProperties,
		...hintAtNode(
			'Starts a workflow when a 3D job ends that was submitted with the Production URL of this trigger as its Webhook URL. To get the result in the same workflow, no trigger is needed.',
			'imgTo3d',
			'Submits the jobs, with the Production URL of the trigger in its option Webhook URL',
		),
	};

	methods = { credentialTest: { testCredential } };

	// n8n's lint wants these methods of each node with webhooks. Nothing is registered at the service, because it takes the
	// address to call with each job. Whoever submits the job enters the trigger's URL there.
	webhookMethods = {
		default: {
			checkExists: async () => true,
			create: async () => true,
			delete: async () => true,
		},
	};

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await handleTriggerCall(this);
	}
}
