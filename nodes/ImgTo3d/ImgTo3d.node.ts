import {
	NodeConnectionTypes,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { runItems } from './jobs/run-items';
import { properties } from './properties';

export class ImgTo3d implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Image to 3D',
		name: 'imgTo3d',
		icon: { light: 'file:../../icons/imgTo3d.svg', dark: 'file:../../icons/imgTo3d.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle:
			'={{ { imageTo3d: "Image to 3D", textTo3d: "Text to 3D", getResult: "Get Result" }[$parameter["operation"]] + ({ none: ", do not wait" }[$parameter["waitFor"]] || "") }}',
		description:
			'Turn an image or a text prompt into a 3D turntable or mesh, with the Stable Diffusion API (ModelsLab)',
		defaults: { name: 'Image to 3D' },
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'stableDiffusionApi', required: true }],
		usableAsTool: true,
		properties,
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		return await runItems(this);
	}
}
