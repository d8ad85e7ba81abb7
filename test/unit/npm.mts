import { execFileSync } from 'node:child_process';

import manifest from '../../package.json';
import { TSX } from '../support/run-script.mts';

/** The files that `npm pack` would put into the package. */
export function packedFiles(): string[] {
	const [pack] = JSON.parse(
		execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], { encoding: 'utf8' }),
	) as Array<{ files: Array<{ path: string }> }>;
	return (pack?.files ?? []).map(({ path }) => path);
}

const runNode = (args: string[], input?: string) =>
	execFileSync(process.execPath, args, { encoding: 'utf8', input });

/** @returns the stack trace of the built node when n8n gives it nothing */
export const readBuiltTrace = () =>
	runNode([
		'-e',
		`new (require('./${manifest.main}').ImgTo3d)().execute.call({}).catch(({ stack }) => console.log(stack))`,
	]);

/** @returns a stack trace as `npm run trace` prints it */
export const trace = (text: string) => runNode([TSX, 'scripts/trace.mts'], text);
