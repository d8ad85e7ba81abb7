/** The workflow that webhook calls start. */
import type { INodeParameters } from 'n8n-workflow';

import type { WorkflowJson } from '../n8n/engine/engine.cts';

export const TRIGGER = 'Image to 3D Trigger';

/** The node after the trigger. */
export const AFTER = 'After';

/** Builds a workflow that begins with the trigger. By default it downloads nothing. */
export function buildTriggerWorkflow(parameters: INodeParameters = {}): WorkflowJson {
	const common = { typeVersion: 1, position: [0, 0] as [number, number] };
	return {
		nodes: [
			{
				...common,
				id: 't',
				name: TRIGGER,
				type: 'n8n-nodes-img-to-3d.imgTo3dTrigger',
				parameters: { download: false, ...parameters },
				credentials: { stableDiffusionApi: { id: '1', name: 'Test' } },
			},
			{ ...common, id: 'a', name: AFTER, type: 'n8n-nodes-base.noOp', parameters: {} },
		],
		connections: { [TRIGGER]: { main: [[{ node: AFTER, type: 'main', index: 0 }]] } },
	};
}
