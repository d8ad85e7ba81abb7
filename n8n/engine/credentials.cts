/** n8n has its credentials helper in its server, not in n8n-core. This one does the same with credentials in memory. */
import {
	ICredentialsHelper,
	isExpression,
	type ICredentialDataDecryptedObject,
	type ICredentials,
	type ICredentialType,
	type IHttpRequestOptions,
	type INode,
	type INodeCredentialsDetails,
	type INodeProperties,
	type IWorkflowExecuteAdditionalData,
	type Workflow,
} from 'n8n-workflow';

/** A credential type, and the values that a person would have saved for it. */
export interface SavedCredential {
	type: ICredentialType;
	data: ICredentialDataDecryptedObject;
}

export class EngineCredentials extends ICredentialsHelper {
	constructor(private readonly saved: Readonly<Record<string, SavedCredential>>) {
		super();
	}

	getParentTypes(): string[] {
		return [];
	}

	/** Applies a generic `authenticate` as n8n does: it writes each resolved value into the given request. */
	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		typeName: string,
		request: IHttpRequestOptions,
		workflow: Workflow,
		node: INode,
	): Promise<IHttpRequestOptions> {
		const { authenticate } = this.find(typeName).type;
		if (authenticate === undefined) return request;
		if (typeof authenticate === 'function') return await authenticate(credentials, request);

		const resolve = (value: string): string => {
			if (!isExpression(value)) return value;
			const resolved = workflow.expression.getSimpleParameterValue(
				node,
				value,
				'internal',
				{ $credentials: credentials },
				undefined,
				'',
			);
			return resolved ? String(resolved) : '';
		};
		request.headers ??= {};
		const parts = request as unknown as Record<string, Record<string, unknown>>;
		for (const [part, values] of Object.entries(authenticate.properties)) {
			const target = (parts[part] ??= {});
			for (const [name, value] of Object.entries(values as Record<string, string>)) {
				target[resolve(name)] = resolve(value);
			}
		}
		return request;
	}

	async preAuthentication(): Promise<undefined> {
		return undefined;
	}

	async getDecrypted(
		_additionalData: IWorkflowExecuteAdditionalData,
		_details: INodeCredentialsDetails,
		type: string,
	): Promise<ICredentialDataDecryptedObject> {
		return { ...this.find(type).data };
	}

	getCredentialsProperties(type: string): INodeProperties[] {
		return this.find(type).type.properties;
	}

	async getCredentials(): Promise<ICredentials> {
		throw new Error('The engine has no encrypted credentials.');
	}

	async updateCredentials(): Promise<void> {
		throw new Error('The engine cannot save credentials.');
	}

	async updateCredentialsOauthTokenData(): Promise<void> {
		throw new Error('The engine cannot save credentials.');
	}

	private find(type: string): SavedCredential {
		const saved = this.saved[type];
		if (!saved) throw new Error(`The engine has no credential of type "${type}".`);
		return saved;
	}
}
