/**
 * What a person can follow while a run goes on. n8n's log has the ID of each accepted job. A manual run also tells the
 * editor, which writes it into the browser's console, and n8n's log how each job ends.
 */
import type { IExecuteFunctions } from 'n8n-workflow';

import { nameJob } from '../api/error-texts';
import { writeId, writeWholeId, type JobId } from '../api/job-id';
import type { ItemRequest } from '../request';

export class Progress {
	/** Whether the person has started the run in the editor. */
	readonly isManual: boolean;
	private doneCount = 0;

	/** @param total how many jobs the run waits for */
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly total: number,
	) {
		this.isManual = context.getMode() === 'manual';
	}

	/**
	 * Tells that a job was accepted. Its ID is found in n8n's log if n8n is killed or stopped before the item leaves.
	 *
	 * @param seconds how long the job will probably take, if that is known
	 * @param isLate whether the execution was stopped meanwhile
	 */
	noteAccepted(item: ItemRequest, id: JobId | undefined, seconds: number | undefined, isLate: boolean): void {
		const { context } = this;
		const written = id === undefined ? '(no ID)' : writeWholeId(id);
		const estimate = this.isManual && seconds !== undefined ? `, about ${writeSeconds(seconds)}` : '';
		const job = `Image to 3D: job ${written} was accepted`;
		const where = `(execution ${context.getExecutionId()}, item ${item.itemIndex}).`;
		if (isLate) context.logger.warn(`${job} after the execution was stopped ${where}`);
		else context.logger.info(`${job}${estimate} ${where}`);
		const name = item.name ? ` (${item.name})` : '';
		const late = isLate ? ' after the execution was stopped' : '';
		this.show(`${nameJob(id)} accepted${late}${name}${estimate}`);
	}

	/** Tells that a job is done. @param seconds how long it took, if that is known */
	noteDone(id: JobId | undefined, seconds: number | undefined): void {
		this.doneCount += 1;
		const duration = seconds === undefined ? '' : ` after ${writeSeconds(seconds)}`;
		const count = this.total > 1 ? `, ${this.doneCount} of ${this.total} jobs done` : '';
		this.tell(`${nameJob(id)} done${duration}${count}`);
	}

	/** Tells that the person has stopped the run. @param ids the jobs that were accepted */
	noteStopped(ids: readonly JobId[]): void {
		if (ids.length === 0) return;
		const list = ids.map(writeId).join(', ');
		this.tell(`Stopped. Get Result fetches what was accepted, without paying again: ${list}`);
	}

	/** Tells a line in a manual run: an error, or what the run waits for. */
	tell(line: string): void {
		if (!this.isManual) return;
		this.show(line);
		this.context.logger.info(`Image to 3D: ${line} (execution ${this.context.getExecutionId()}).`);
	}

	/** The editor writes it into the browser's console. n8n does nothing in other runs. */
	private show(line: string): void {
		if (this.isManual) this.context.sendMessageToUI(line);
	}
}

const writeSeconds = (seconds: number) =>
	seconds < 600 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
