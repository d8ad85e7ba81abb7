import type { Body, Reading } from './check.mts';
import { ENDPOINTS_V3, metaOfV3, readV3, type EndpointV3, type ParametersV3 } from './parameters-v3.mts';
import { ENDPOINTS_V6, metaOfV6, readV6, type EndpointV6, type ParametersV6 } from './parameters-v6.mts';

export type ApiVersion = 'v3' | 'v6';
export type Endpoint = EndpointV3 | EndpointV6;

/** A checked submit; `endpoint` tells which one. */
export type Parameters = ParametersV3 | ParametersV6;

/** Where an API's endpoints for 3D are: the path in front of their names and of `/fetch`. */
export const API_PATHS: Record<ApiVersion, string> = { v3: '/api/v3', v6: '/api/v6/3d' };

export const ENDPOINTS: Record<ApiVersion, readonly Endpoint[]> = { v3: ENDPOINTS_V3, v6: ENDPOINTS_V6 };

function isV6Endpoint(endpoint: Endpoint): endpoint is EndpointV6 {
	return ENDPOINTS_V6.some((name) => name === endpoint);
}

export function isV6(parameters: Parameters): parameters is ParametersV6 {
	return isV6Endpoint(parameters.endpoint);
}

/** Checks a submit's body against the documented fields and ranges. */
export function readParameters(endpoint: Endpoint, body: Body): Reading<Parameters> {
	return isV6Endpoint(endpoint) ? readV6(endpoint, body) : readV3(endpoint, body);
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function metaOf(parameters: Parameters, filePrefix: string): Record<string, unknown> {
	return isV6(parameters) ? metaOfV6(parameters, filePrefix) : metaOfV3(parameters, filePrefix);
}

/** Links to the pictures that a submit needs; none for a text. */
export function imagesOf(parameters: Parameters): string[] {
	switch (parameters.endpoint) {
		case 'image_to_3d':
			return parameters.images;
		case 'img_to_3d':
			return [parameters.image];
		default:
			return [];
	}
}
