import type { INodeProperties } from 'n8n-workflow';

import { optionsProperty } from '../parameters/options';
import { settingsProperty } from '../parameters/settings';
import { waitingProperties } from '../parameters/waiting';
import { getResultProperties } from './get-result';
import { imageTo3dProperties } from './image-to-3d';
import { operationProperties } from './operation';
import { textTo3dProperties } from './text-to-3d';

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
