import { execFileSync } from 'node:child_process';

/** The files that `npm pack` would put into the package. */
export function packedFiles(): string[] {
	const [pack] = JSON.parse(
		execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], { encoding: 'utf8' }),
	) as Array<{ files: Array<{ path: string }> }>;
	return (pack?.files ?? []).map(({ path }) => path);
}
