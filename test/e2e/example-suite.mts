/** What the tests of the examples share. */
import { join } from 'node:path';

import type { IDataObject, INodeParameters } from 'n8n-workflow';

import { prepareExamples, readExample, type Prepared } from '../../n8n/real/examples.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { startParts, type Parts } from '../../n8n/real/parts/index.mts';
import type { Site } from '../../n8n/real/site.mts';
import { Suite, type Result, waitForResult } from './suite.mts';

/** Makes the settings of all Image to 3D nodes small, so that the stand-in makes turntables quickly. */
function shrink(workflow: WorkflowFile): WorkflowFile {
	for (const { parameters } of workflow.nodes) {
		if (!('settings' in parameters)) continue;
		parameters.settings =
			parameters.apiVersion === 'v6'
				? { ...(parameters.settings as INodeParameters), resolution: 24, seed: '7' }
				: { frameSize: 64, seconds: 1, steps: 4, seed: '7' };
	}
	return workflow;
}

/** Finds a node by its name. */
export function findNode(
	{ nodes }: WorkflowFile,
	name: string,
): { parameters: INodeParameters; webhookId?: string } {
	const node = nodes.find((candidate) => candidate.name === name);
	if (!node) throw new Error(`The example has no node "${name}".`);
	return node;
}

/** The button of the manual trigger. */
export const CLICK = 'When clicking ‘Execute workflow’';

/** What the tests of the examples share. */
export class ExampleSuite extends Suite {
	/** The examples that were read. */
	readonly read = new Set<string>();
	private opened?: { parts: Parts; prepared: Prepared };

	/** @param samples the images of the catalogue's rows */
	constructor(getWorld: () => Site, samples: readonly string[]) {
		super(getWorld, 1);
		beforeAll(async () => {
			const { folder, service } = this.world;
			const parts = await startParts(join(folder, 'store'), `${service.origin}/samples`);
			this.opened = { parts, prepared: await prepareExamples(this.world, parts, samples) };
		});
		afterAll(async () => await this.opened?.parts.stop());
	}

	get parts(): Parts {
		if (!this.opened) throw new Error('The parts have not been started.');
		return this.opened.parts;
	}

	private get prepared(): Prepared {
		if (!this.opened) throw new Error('Nothing has been prepared.');
		return this.opened.prepared;
	}

	/** The ID of the catalogue's data table. */
	get catalogue(): string {
		return this.prepared.tables.Catalogue ?? '';
	}

	/** Reads an example. @param edit changes its text */
	readExample(name: string, edit: (text: string) => string = (text) => text): WorkflowFile {
		this.read.add(name);
		const example = readExample(this.world, name, this.prepared);
		return shrink(JSON.parse(edit(JSON.stringify(example))) as WorkflowFile);
	}

	/** Imports a workflow, and publishes it if it has a trigger. */
	async importWorkflow(workflow: WorkflowFile): Promise<Saved> {
		const saved = await this.world.main.importWorkflow(workflow);
		await this.world.main.publish(saved).catch((error: Error) => {
			// A workflow that is started by hand cannot be published.
			if (!/trigger/i.test(error.message)) throw error;
		});
		return saved;
	}

	/** Imports a workflow, and runs it by hand. @returns the result, which must be a success */
	async run(workflow: WorkflowFile, trigger: string, input?: IDataObject): Promise<Result> {
		const saved = await this.importWorkflow(workflow);
		await this.world.main.runManually(saved, trigger, input);
		const result = await waitForResult(this.world, saved);
		expect([result.status, result.error?.message]).toEqual(['success', undefined]);
		return result;
	}
}
