/** Tests on an n8n server that runs already, of any version, with this package installed: docs/n8n-3.md says how. */
import { joinSite, readGivenServer } from '../../n8n/real/given-server.mts';
import type { Site } from '../../n8n/real/site.mts';
import { testAccount } from './account.mts';
import { testExamples } from './examples.mts';
import { testCommon } from './suite.mts';

describe('the n8n that the environment names', () => {
	let site: Site & { leave: () => Promise<void> };
	beforeAll(async () => {
		const server = readGivenServer(process.env);
		if (!server) throw new Error('The environment names no n8n.');
		site = await joinSite(server);
		process.stderr.write(`The n8n at ${server.origin} is version ${site.version}.\n`);
	});
	afterAll(async () => {
		await site?.leave();
	});

	testCommon(() => site);

	describe('the account:', () => testAccount(() => site));

	describe('the example', () => testExamples(() => site));
});
