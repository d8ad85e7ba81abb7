import type { INodeProperties } from 'n8n-workflow';

import { getResultProperties } from './get-result';
import { imageTo3dProperties } from './image-to-3d';
import { operationProperties } from './operation';
import { optionsProperty } from './options';
import { settingsProperty } from './settings';
import { textTo3dProperties } from './text-to-3d';
import { waitingProperties } from './waiting';

/** What the person sees, from top to bottom. */
export const properties: INodeProperties[] = [
	...operationProperties,
	...imageTo3dProperties,
	...textTo3dProperties,
	...getResultProperties,
	settingsProperty,
	...waitingProperties,
	optionsProperty,
];
