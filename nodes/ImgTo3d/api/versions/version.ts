import type { IDataObject } from 'n8n-workflow';

/** The operations that make something. Each of their jobs is paid for. */
export const GENERATIONS = ['imageTo3d', 'textTo3d'] as const;
export type Generation = (typeof GENERATIONS)[number];

/** The service's first Base URL. */
export const STABLE_DIFFUSION_API = 'https://stablediffusionapi.com/api';

/** The service's Base URL today. */
export const MODELSLAB = 'https://modelslab.com/api';

/**
 * Everything that differs from one version of the API to the next, except for the optional fields of the body: those
 * are in the one table of `fields.ts`.
 */
export interface Version {
	/** The service's own name for it. */
	name: string;
	/** What its jobs make, as the panel offers it. */
	result: string;
	/** The same in a few words. The versions that make the same have the same fields. */
	makes: 'turntable' | '3D model';
	/** What the panel says about it: the files, and how long they take. */
	description: string;
	/** The Base URLs at which the service documents this version, the preferred one first. */
	baseUrls: readonly [string, ...string[]];
	/** The paths of the endpoints, which follow the Base URL. */
	paths: {
		submit: Record<Generation, string>;
		/** The job's ID follows in the path, or is in the body as `request_id`. */
		fetch: string;
		upload: string;
	};
	/** Builds the body of an upload, without the key. */
	buildUploadBody(dataUri: string): IDataObject;
	images: {
		/** How many images a job takes. */
		max: number;
		/** The boolean field of `fields.ts` that has to be on for several images. */
		switch?: string;
		/** Builds the part of a submit's body that names the images. @param links one or more */
		buildBody(links: readonly string[]): IDataObject;
	};
}
