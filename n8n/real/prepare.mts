/** Installs the n8n servers, Chromium, GraphicsMagick, Redis and PostgreSQL, unless they are there. `npm run e2e` does this first. */
import { installDebianPackages, installN8n, RECIPES, type N8nVersion } from './install.mts';

const say = (line: string) => process.stderr.write(`${line}\n`);

await installDebianPackages(['chromium', 'graphicsmagick', 'redis-server', 'postgresql'], say);
for (const version of Object.keys(RECIPES)) await installN8n(version as N8nVersion, say);
