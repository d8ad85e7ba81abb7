import axios from 'axios';

import { listExamples } from '../../n8n/real/examples.mts';
import { N8n } from '../../n8n/real/n8n.mts';
import { serve } from '../../n8n/real/serve.mts';
import { readText } from '../support/own-files.mts';
import { EditorCommand, listUsedPorts, NewCache } from './editor-command.mts';

/** Not the usual one, so that an n8n of one's own does not matter. */
const PORT = 5679;

let cache: NewCache;
let command: EditorCommand;
const start = () => (command = new EditorCommand(cache, '--port', `${PORT}`));
const getStatus = async (url: string) => (await axios.get(url, { proxy: false })).status;

beforeAll(() => {
	cache = new NewCache();
});
afterAll(() => {
	cache.remove();
});
afterEach(async () => {
	command.interrupt();
	await command.waitForEnd();
});

/** Checks that all that it prints is true. @returns the names of the workflows */
async function checkPrinted(): Promise<string[]> {
	await command.waitFor('Ctrl-C stops everything');
	for (const label of ['Editor', 'Pictures', 'Tables', 'Gallery', 'Mail', 'Chat', 'Shop']) {
		expect([label, await getStatus(command.read(label))]).toEqual([label, 200]);
	}
	expect(readText(command.read('Log'))).toContain('Editor is now accessible');
	const main = new N8n(`http://127.0.0.1:${PORT}`);
	await main.logIn();
	return (await main.listWorkflows()).map(({ name }) => name).sort();
}

test('what it prints is true, Ctrl-C stops everything, and it starts again with what was kept', async () => {
	start();
	const first = await checkPrinted();
	expect(first).toHaveLength(listExamples().length);
	command.interrupt();
	expect(await command.waitForEnd()).toBeNull();
	expect(command.printed).toMatch(/Stopping \.\.\.\s*$/);
	expect(await listUsedPorts(PORT)).toEqual([]);

	start();
	expect(await checkPrinted()).toEqual(first);
	expect(command.printed).toContain('with what is kept from the last time');
});

test('Ctrl-C while it starts stops everything, without an error', async () => {
	start();
	await command.waitFor('Starting n8n');
	command.interrupt();
	expect(await command.waitForEnd()).toBeNull();
	expect(command.printed).toMatch(/Stopping \.\.\.\s*$/);
	expect(await listUsedPorts(PORT)).toEqual([]);
});

test.each([
	[PORT, /^Port 5679 is in use\. Stop the program that uses it, or add another one/m],
	[3005, /^Port 3005 is in use\. Stop the program that uses it \(another npm run editor, /m],
])('a port that is in use is named: %i', async (port, words) => {
	const other = await serve((_request, response) => response.end(), '127.0.0.1', port);
	try {
		start();
		expect(await command.waitForEnd()).toBe(1);
		expect(command.printed).toMatch(words);
	} finally {
		await other.close();
	}
});
