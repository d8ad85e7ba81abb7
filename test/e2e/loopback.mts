/** A public name that leads to this machine. */
import { join } from 'node:path';

/** A public host name that resolves to an address of this machine. An n8n server needs this environment, which loads `resolve.cjs`. */
export const RESOLVED = {
	name: 'cdn.evil.example',
	address: '127.0.0.2',
	env: { NODE_OPTIONS: `--require ${join(process.cwd(), 'test', 'e2e', 'resolve.cjs')}` },
};
