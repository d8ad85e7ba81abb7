import type { INode } from 'n8n-workflow';

import { listExamples } from '../../n8n/real/examples.mts';
import { listFiles, readText } from '../support/own-files.mts';

interface Example {
	nodes: INode[];
}

const EXAMPLES = listExamples().map((file) => ({
	file,
	...(JSON.parse(readText(`examples/${file}.json`)) as Example),
}));

const noteOf = ({ nodes }: Example) => String(nodes.find(({ name }) => name === 'About')?.parameters.content);

/** The parts of a note that each example must have. */
const MAKE_FIRST = '**Make first**';
const OWN_ACCOUNT = '**With your own account**: ';

const isType = (name: string) => (node: INode) => node.type.endsWith(`.${name}`);
const NEEDS_CALLS = ({ type, parameters }: INode) =>
	/imgTo3dTrigger$/.test(type) ||
	(/imgTo3d$/.test(type) && ['webhook', 'none'].includes(`${parameters.waitFor}`));

/** What must exist before a node can work, in the words of the notes. */
const PREREQUISITES: Array<[uses: (node: INode) => boolean, words: RegExp]> = [
	[isType('dataTable'), /data table/],
	[isType('s3'), /bucket/],
	[isType('readWriteFile'), /folder.*\*\*N8N_RESTRICT_FILE_ACCESS_TO\*\*/],
	[isType('emailSend'), /\(SMTP\)/],
	[isType('telegramTrigger'), /@BotFather/],
	[({ credentials }) => Boolean(credentials?.shopifyAccessTokenApi), /an app .* scopes/],
	[isType('lmChatOpenAi'), /an account for a chat model/],
	[isType('editImage'), /GraphicsMagick/],
	[NEEDS_CALLS, /\*\*WEBHOOK_URL\*\*/],
];

/** What a person may have instead of a part of an example. */
const EXCHANGES: Array<[uses: (node: INode) => boolean, words: RegExp]> = [
	[isType('manualTrigger'), /Google Sheets|instead of the folder|your own Shopify shop/],
	[isType('dataTable'), /Google Sheets|needs no account/],
	[isType('s3'), /Google Drive/],
	[isType('readWriteFile'), /Google Drive/],
	[isType('emailSend'), /Gmail/],
	[isType('telegramTrigger'), /Slack/],
	[isType('lmChatOpenAi'), /Anthropic Chat Model/],
];

/** Lists what the nodes of an example need, as long as its note does not have the words for it. */
function listMissing(nodes: INode[], text: string, wanted: typeof PREREQUISITES): string[] {
	return wanted
		.filter(([uses, words]) => nodes.some(uses) && !words.test(text))
		.map(([, words]) => `${words}`);
}

describe.each(EXAMPLES)('the note of $file', (example) => {
	const note = noteOf(example);
	const [before = '', own = ''] = note.split(OWN_ACCOUNT);

	test('lists what to make first', () => {
		expect(note).toMatch(/^## .+\n\n/);
		expect(before).toContain(MAKE_FIRST);
		expect(listMissing(example.nodes, before, PREREQUISITES)).toEqual([]);
	});

	test('names each node that needs a credential', () => {
		const needy = example.nodes.filter(({ credentials }) => credentials).map(({ name }) => name);
		if (needy.length > 0) expect(note).toMatch(/credential/);
		// A chat has a node for each thing that it says.
		const isSaid = (name: string) => /^(Say|Ask|Send) /.test(name) && note.includes('each node that sends');
		expect(needy.filter((name) => !note.includes(`**${name}**`) && !isSaid(name))).toEqual([]);
	});

	test('says what to exchange for the own account', () => {
		expect(own.length).toBeGreaterThan(40);
		expect(listMissing(example.nodes, own, EXCHANGES)).toEqual([]);
	});

	test('names no time of minutes for a turntable', () => {
		const generations = example.nodes.filter(({ parameters }) => /To3d$/.test(`${parameters.operation}`));
		if (generations.some(({ parameters }) => parameters.apiVersion !== 'v3')) return;
		const texts = JSON.stringify(example.nodes).replace(/\*\*Timeout\*\* is over \(\d+ minutes here\)/, '');
		expect(texts).not.toMatch(/minutes/);
	});
});

test('the sample images of the examples exist, and are called what they show', () => {
	const samples = listFiles('samples');
	const links = EXAMPLES.flatMap(({ file }) => [
		...readText(`examples/${file}.json`).matchAll(/"[^"]*\/samples\/([\w.-]+)\\?"/g),
	]).map(([, file]) => file);
	expect(links.length).toBeGreaterThan(5);
	expect(samples).toEqual(expect.arrayContaining(links));
});
