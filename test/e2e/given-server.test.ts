/** Tests on an n8n server that runs already, of any version, with this package installed: docs/n8n-3.md says how. */
import { joinNamedServer } from '../../n8n/real/given-server.mts';
import type { Site } from '../../n8n/real/site.mts';
import { testAccount } from './account.mts';
import { testExamples } from './examples.mts';
import { say, testCommon } from './suite.mts';

describe('the n8n that the environment names', () => {
	let site: Site & { leave: () => Promise<void> };
	beforeAll(async () => {
		site = await joinNamedServer();
		say(`The n8n at ${site.main.origin} is version ${site.version}.`);
	});
	afterAll(async () => {
		await site?.leave();
	});

	testCommon(() => site);

	describe('the account:', () => testAccount(() => site));

	describe('the example', () => testExamples(() => site));
});
