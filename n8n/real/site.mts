/** What the examples run on: a world, which starts its n8n, or an n8n server that runs already. */
import type { LocalApi } from '../../local-api/index.mts';
import type { N8n } from './n8n.mts';

/** An n8n server with these nodes and their credential, and the stand-in service. */
export interface Site {
	/** What has the editor and the REST interface. */
	readonly main: N8n;
	/** What receives webhook calls. */
	readonly outside: N8n;
	/** Of n8n. */
	readonly version: string;
	readonly service: LocalApi;
	/** The credential of the nodes. */
	readonly credentials: { stableDiffusionApi: { id: string; name: string } };
	/** For the files of the parts. */
	readonly folder: string;
	/** The folder that workflows may write into. It has the same path for n8n. */
	readonly files: string;
}
