/** What submitting and polling need to know of an execution that is going to be suspended. */
export interface Suspension {
	/** Where the service is to call when a job has ended. */
	readonly resumeUrl: string;
	/** Aborted when no item has anything left to do but wait. From then on, polling brings nothing that the call would not. */
	readonly nothingElseToDo: AbortSignal;
	/** The item is done, or its job is accepted and only the service's call is missing. */
	markReady(itemIndex: number): void;
}
