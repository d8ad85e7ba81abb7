import type { Body, ReadBody } from './check.mts';
import {
	ENDPOINTS_V3,
	describeMetaV3,
	readV3,
	type EndpointV3,
	type ParametersV3,
} from './parameters-v3.mts';
import {
	ENDPOINTS_V6,
	describeMetaV6,
	readV6,
	type EndpointV6,
	type ParametersV6,
} from './parameters-v6.mts';

/** `enterprise` is version 6 on servers of one customer. */
export const API_VERSIONS = ['v3', 'v6', 'enterprise'] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];
export type Endpoint = EndpointV3 | EndpointV6;

/** A checked submit. `endpoint` says of which kind. */
export type Parameters = ParametersV3 | ParametersV6;

/** The path of the endpoints for 3D, before their names and before `/fetch`. */
export const API_PATHS: Record<ApiVersion, string> = {
	v3: '/api/v3',
	v6: '/api/v6/3d',
	enterprise: '/api/v1/enterprise/3d',
};

export const ENDPOINTS: Record<ApiVersion, readonly Endpoint[]> = {
	v3: ENDPOINTS_V3,
	v6: ENDPOINTS_V6,
	enterprise: ENDPOINTS_V6,
};

function isV6Endpoint(endpoint: Endpoint): endpoint is EndpointV6 {
	return ENDPOINTS_V6.some((name) => name === endpoint);
}

export function isV6(parameters: Parameters): parameters is ParametersV6 {
	return isV6Endpoint(parameters.endpoint);
}

/** Checks a submit's body against the documented fields and ranges. */
export function readParameters(endpoint: Endpoint, body: Body): ReadBody<Parameters> {
	return isV6Endpoint(endpoint) ? readV6(endpoint, body) : readV3(endpoint, body);
}

/** The `meta` of an answer, key for key as in the service's reference. */
export function describeMeta(parameters: Parameters, filePrefix: string): Record<string, unknown> {
	return isV6(parameters) ? describeMetaV6(parameters, filePrefix) : describeMetaV3(parameters, filePrefix);
}

/** Lists the links to the images of a submit. Empty for a text. */
export function listImages(parameters: Parameters): string[] {
	switch (parameters.endpoint) {
		case 'image_to_3d':
			return parameters.images;
		case 'img_to_3d':
			return [parameters.image];
		default:
			return [];
	}
}
