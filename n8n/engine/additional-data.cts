import type { IWorkflowExecuteAdditionalData } from 'n8n-workflow';

import type { EngineCredentials } from './credentials.cts';

/** External secrets are a feature of n8n's server. Here there are none. */
const NO_SECRETS: IWorkflowExecuteAdditionalData['externalSecretsProxy'] = {
	getSecret: () => undefined,
	hasProvider: () => false,
	hasSecret: () => false,
	listProviders: () => [],
	listSecrets: () => [],
	setManager: () => undefined,
	update: async () => undefined,
};

/**
 * Builds what n8n's server hands to an execution.
 *
 * @param origin the address that n8n has for its webhooks
 */
export function buildAdditionalData(
	executionId: string,
	credentialsHelper: EngineCredentials,
	origin: string,
): IWorkflowExecuteAdditionalData {
	return {
		credentialsHelper,
		externalSecretsProxy: NO_SECRETS,
		executionId,
		currentNodeExecutionIndex: 0,
		executeWorkflow: async () => {
			throw new Error('The engine runs no sub-workflows.');
		},
		getRunExecutionData: async () => undefined,
		restApiUrl: `${origin}/rest`,
		instanceBaseUrl: origin,
		formWaitingBaseUrl: `${origin}/form-waiting`,
		webhookBaseUrl: `${origin}/webhook`,
		webhookWaitingBaseUrl: `${origin}/webhook-waiting`,
		webhookTestBaseUrl: `${origin}/webhook-test`,
		variables: {},
		logAiEvent: () => undefined,
		startRunnerTask: async () => {
			throw new Error('The engine has no task runner.');
		},
	};
}
