import type { IConnections, INode, IWorkflowSettings } from 'n8n-workflow';

/** The part of an exported workflow that is run. */
export interface WorkflowJson {
	name?: string;
	nodes: INode[];
	connections: IConnections;
	settings?: IWorkflowSettings;
}
