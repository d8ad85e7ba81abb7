/**
 * Installs the n8n servers, Chromium, GraphicsMagick, Redis and PostgreSQL, unless they are there. `npm run e2e` does this first.
 * For the tests on an n8n server that runs already, only Chromium.
 */
import { installDebianPackages, installN8n, RECIPES, type N8nVersion } from './install.mts';
import { readGivenServer } from './given-server.mts';

const say = (line: string) => process.stderr.write(`${line}\n`);

if (readGivenServer(process.env)) await installDebianPackages(['chromium'], say);
else {
	await installDebianPackages(['chromium', 'graphicsmagick', 'redis-server', 'postgresql'], say);
	for (const version of Object.keys(RECIPES)) await installN8n(version as N8nVersion, say);
}
