import type { ICredentialDataDecryptedObject } from 'n8n-workflow';

import { MODELSLAB, STABLE_DIFFUSION_API } from './versions/version';

/** The hosts of the service that the credential offers. Its own file cannot import from here. */
export const SERVICES: Readonly<Record<string, { name: string; baseUrl: string }>> = {
	modelsLab: { name: 'ModelsLab', baseUrl: MODELSLAB },
	stableDiffusionApi: { name: 'Stable Diffusion API', baseUrl: STABLE_DIFFUSION_API },
};

/**
 * Finds the Base URL of a credential. Everything that calls the service with a credential asks here.
 *
 * @returns `undefined` if the credential has none. It may still be no address: a person has entered it.
 */
export function resolveBaseUrl({ service, baseUrl }: ICredentialDataDecryptedObject): string | undefined {
	const resolved = service === 'other' ? baseUrl : SERVICES[String(service)]?.baseUrl;
	return typeof resolved === 'string' ? resolved : undefined;
}
