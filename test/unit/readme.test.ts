import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';
import { parse } from 'yaml';

import { ImgTo3d, ImgTo3dTrigger, StableDiffusionApi } from '../../index';
import codex from '../../nodes/ImgTo3d/ImgTo3d.node.json';
import triggerCodex from '../../nodes/ImgTo3d/ImgTo3dTrigger.node.json';
import { readAnswer, type UnansweredReason } from '../../nodes/ImgTo3d/api/answer';
import { buildBody } from '../../nodes/ImgTo3d/api/body';
import { toBodyName, FIELDS } from '../../nodes/ImgTo3d/api/fields';
import { type BadAnswer } from '../../nodes/ImgTo3d/api/judge';
import type { CallPurpose } from '../../nodes/ImgTo3d/api/error-texts';
import { describeOverdue, describeProblem } from '../../nodes/ImgTo3d/api/problems';
import type { RefusalReason } from '../../nodes/ImgTo3d/api/words';
import { API_VERSIONS, GENERATIONS, VERSIONS, type ApiVersion } from '../../nodes/ImgTo3d/api/versions';
import { Form } from '../../nodes/ImgTo3d/parameters/form';
import { NUMERIC_OPTIONS } from '../../nodes/ImgTo3d/parameters/options';
import { JOB_OPERATIONS } from '../../nodes/ImgTo3d/request';
import manifest from '../../package.json';
import { listExamples } from '../../n8n/real/examples.mts';
import { RECIPES } from '../../n8n/real/install.mts';
import { drawPollingPlot } from '../../scripts/polling-plot.mts';
import { listFiles, readText } from '../support/own-files.mts';
import { deadEnd, Document, documents } from './markdown.mts';
import { FILLED_IN, textsIn } from './texts.mts';

const readme = new Document('README.md');
const reference = new Document('docs/reference.md');
const errors = new Document('docs/errors.md');
const examples = new Document('examples/README.md');

/** The README is for the person who uses n8n. Details are in other documents. */
const MAX_WORDS = 3500;
const { properties } = new ImgTo3d().description;
const trigger = new ImgTo3dTrigger().description.properties;

const named = (list: INodeProperties[], name: string) =>
	list.find((property) => property.name === name) as INodeProperties;
/** Without notices, and without what only the panel of an agent's tool has. */
const shown = (list: INodeProperties[]) =>
	list.filter(({ type, displayOptions }) => type !== 'notice' && !displayOptions?.show?.['@tool']);

/** The names that a person sees for a parameter's values. */
function valueNames(property: INodeProperties, values: readonly unknown[]): string[] {
	if (property.type === 'boolean') return values.map((value) => (value === true ? 'on' : 'off'));
	const options = (property.options ?? []) as INodePropertyOptions[];
	return values.map((value) => options.find((option) => option.value === value)?.name ?? String(value));
}

/** When a parameter is there: "Image to 3D, Image Source: URL". */
function shownFor({ displayOptions = {} }: INodeProperties, all: INodeProperties[]): string {
	const condition = ([path, values]: [string, unknown]) => {
		const other = named(all, path.replace(/^\//, ''));
		const names = valueNames(other, values as unknown[]).join(' or ');
		return other.name === 'operation' ? names : `${other.displayName}: ${names}`;
	};
	const conditions = [
		...Object.entries(displayOptions.show ?? {}).map(condition),
		...Object.entries(displayOptions.hide ?? {}).map((entry) => `not ${condition(entry)}`),
	];
	return conditions.join(', ') || 'always';
}

/** What may be entered. */
function valuesOf(property: INodeProperties): string {
	const { type, typeOptions = {} } = property;
	switch (type) {
		case 'options':
			return (property.options as INodePropertyOptions[]).map(({ name }) => name).join(', ');
		case 'multiOptions':
			return `any of ${(property.options as INodePropertyOptions[]).map(({ name }) => name).join(', ')}`;
		case 'boolean':
			return 'on, off';
		case 'number': {
			const { minValue, maxValue, numberPrecision } = typeOptions;
			const kind = numberPrecision === 0 ? 'integer' : 'number';
			return `${kind} from ${minValue}${maxValue === undefined ? '' : ` to ${maxValue}`}`;
		}
		case 'collection':
			return 'see below';
		case 'json':
			return 'JSON object';
		case 'resourceLocator':
			return (property.modes ?? []).map(({ displayName }) => displayName).join(', ');
		default:
			return 'text';
	}
}

function defaultOf(property: INodeProperties): string {
	const { type, default: preset } = property;
	if (type === 'collection' || type === 'resourceLocator') return 'none';
	if (preset === '') return 'empty';
	return valueNames(property, Array.isArray(preset) ? preset : [preset]).join(', ');
}

/** The names of the API's versions. */
const nameAll = (versions: readonly ApiVersion[]) =>
	versions.map((version) => VERSIONS[version].name).join(', ');

/** A parameter's row, as far as the code says what stands in it. */
const rowOf = (property: INodeProperties, all: INodeProperties[]) => [
	property.displayName,
	shownFor(property, all),
	valuesOf(property),
	defaultOf(property),
];

describe('the tables of the documents say what the code does:', () => {
	test('the parameters', () => {
		expect(reference.rows('Parameters', 'parameter', 4)).toEqual(
			shown(properties).map((property) => rowOf(property, properties)),
		);
	});

	test("the trigger's parameters", () => {
		expect(reference.rows("The trigger's parameters", 'parameter', 4)).toEqual(
			shown(trigger).map((property) => rowOf(property, trigger)),
		);
	});

	test("the trigger's options", () => {
		const options = named(trigger, 'options').options as INodeProperties[];
		expect(reference.rows("The trigger's options", 'option', 4)).toEqual(
			options.map((option) => rowOf(option, trigger)),
		);
	});

	test('the options', () => {
		const options = named(properties, 'options').options as INodeProperties[];
		const rows = reference
			.rows('Options', 'option', 4)
			.map((row) => row.map((text) => text.replace(/ \(.*\)$/, '')));
		expect(rows).toEqual(options.map((option) => rowOf(option, properties)));
	});

	test('the settings', () => {
		const settings = named(properties, 'settings').options as INodeProperties[];
		const rows = settings.map((setting) => {
			if (setting.name === 'additionalFields') {
				return [
					setting.displayName,
					`${nameAll(API_VERSIONS)}: both`,
					valuesOf(setting),
					defaultOf(setting),
					'its own names',
				];
			}
			const apiVersion = setting.displayOptions?.show?.['/apiVersion'] as ApiVersion[];
			const operation = setting.displayOptions?.show?.['/operation'] as string[];
			const field = FIELDS.find(
				({ name, versions }) => name === setting.name && versions.join() === apiVersion.join(),
			);
			if (!field) throw new Error(`The table of fields has no ${setting.name}.`);
			const operations =
				operation.length === 2 ? ['both'] : valueNames(named(properties, 'operation'), operation);
			return [
				setting.displayName,
				`${nameAll(apiVersion)}: ${operations.join()}`,
				field.kind === 'seed' ? 'integer, or empty' : valuesOf(setting),
				defaultOf(setting),
				toBodyName(field),
			];
		});
		expect(reference.rows('Settings', 'setting', 5)).toEqual(rows);
	});

	test.each([
		['Operations', 'Operation', 'operation'],
		['Operations', 'Result', 'apiVersion'],
		['Waiting', 'Wait for Completion', 'waitFor'],
	])('under %s, the choices of %s', (heading, displayName, name) => {
		const parameter = properties.findLast((property) => property.name === name) as INodeProperties;
		const choices = (parameter.options as INodePropertyOptions[]).map((option) => option.name);
		expect(parameter.displayName).toBe(displayName);
		expect(readme.rows(heading, displayName, 1).flat().sort()).toEqual(choices.sort());
	});

	test('what the stand-in makes of each setting of V6', () => {
		const [, chapter = ''] = readText('local-api/README.md').split(/^## (?=Version 6$)|^## (?=How an)/m);
		const words = [...chapter.matchAll(/`([a-z_]+)(\.\.\.)?(?:: \w+)?`/g)];
		expect(words.length).toBeGreaterThan(10);
		const isNamed = (field: string) =>
			words.some(([, word = '', dots]) => (dots ? field.startsWith(word) : field === word));
		const fields = FIELDS.filter(({ versions }) => versions.includes('v6')).map(toBodyName);
		expect(fields.filter((field) => !isNamed(field))).toEqual([]);
	});

	test('the operations, wherever they are counted or listed', () => {
		const operations = (named(properties, 'operation').options ?? []) as INodePropertyOptions[];
		const namesWithout = (some: readonly unknown[]) =>
			operations.flatMap(({ name, value }) => (some.includes(value) ? [] : name));
		expect(/Actions \((\d+)\)/.exec(readText('README.md'))?.[1]).toBe(`${operations.length}`);
		const ofAccount = reference.rows('Your account', 'Operation', 1).flat();
		expect(ofAccount.sort()).toEqual(namesWithout(JOB_OPERATIONS).sort());
		const free = readme.rows('Costs and limits', 'what', 2).find(([what]) => what === 'free')?.[1];
		for (const name of namesWithout(GENERATIONS)) expect(free).toContain(name);
	});

	test("the credential's fields", () => {
		const fields = new StableDiffusionApi().properties;
		expect(reference.rows("The credential's fields", 'field', 2)).toEqual(
			fields.map((field) => [field.displayName, defaultOf(field)]),
		);
	});

	test('the n8n versions that are tested, each with its Node', () => {
		const tested = readme.rows('Compatibility', 'n8n', 2).map((row) => row.join());
		expect([...new Set(tested)].sort()).toEqual(
			Object.entries(RECIPES).map(([version, { node }]) => `${version},${node}`),
		);
	});
});

describe('the errors that the documents quote', () => {
	const REASONS: Record<RefusalReason, true> = {
		key: true,
		credits: true,
		queueFull: true,
		rateLimit: true,
		forbidden: true,
		notFound: true,
		image: true,
		cancelled: true,
		other: true,
	};
	const UNANSWERED: Record<UnansweredReason, true> = {
		refused: true,
		unresolved: true,
		certificate: true,
		handshake: true,
		timeout: true,
		interrupted: true,
		blocked: true,
	};
	const httpCode = 200;
	const message = '';
	const STATES: Record<BadAnswer['state'], BadAnswer[]> = {
		refused: Object.keys(REASONS).map((reason) => ({
			state: 'refused',
			httpCode,
			reason: reason as RefusalReason,
			message,
		})),
		unanswered: Object.keys(UNANSWERED).map((reason) => ({
			state: 'unanswered',
			reason: reason as UnansweredReason,
			detail: '',
		})),
		trouble: [{ state: 'trouble', httpCode: 503, message }],
		redirected: [{ state: 'redirected', httpCode: 308, location: 'https://example.com/' }],
		failed: [{ state: 'failed', httpCode, message, isNotFound: false }],
		noOutput: [true, false].map((isWithheld) => ({ state: 'noOutput', httpCode, isWithheld })),
		unreadable: ['', '<html></html>', 'busy'].map(
			(text) => readAnswer({ httpCode, headers: {}, text }, (clean) => clean, 0) as BadAnswer,
		),
		unknownStatus: [{ state: 'unknownStatus', httpCode, word: 'paused' }],
	};
	const answers = Object.values(STATES).flat();
	const worded = (purpose: CallPurpose) =>
		answers.map((answer) => describeProblem(answer, purpose, { jobId: 326 }));
	const outOfRange = () => {
		const made = buildBody({
			apiVersion: 'v3',
			operation: 'imageTo3d',
			settings: { steps: 65 },
			imageCount: 1,
		});
		if (!('problem' in made)) throw new Error('65 steps are allowed.');
		const form = new Form({ getNode: () => new ImgTo3d().description as never }, () => undefined, 0);
		return form.createError(made.displayName, made.entered, made.problem);
	};
	const said = [
		...(['submit', 'fetch', 'upload'] as const)
			.flatMap(worded)
			.flatMap((problem) => [problem.message, problem.description]),
		describeOverdue(326, NUMERIC_OPTIONS.timeout.default * 1000).message,
		outOfRange().message,
		...textsIn(['nodes', 'credentials']),
	];

	const { rows } = errors.table('Errors and what to do', 'the error says');
	const quotes = rows.flatMap(([first]) => first?.emphasized ?? []);
	/** A quote as a pattern: dots stand for anything. */
	const pattern = (quote: string) =>
		new RegExp(
			quote
				.split('...')
				.map((part) => part.trim().replace(/[^\w\s]/g, '\\$&'))
				.join('[^]*'),
		);

	test.each(quotes)('are what the nodes say: "%s"', (quote) => {
		expect(quote.replaceAll('...', '').length).toBeGreaterThan(12);
		expect(said.filter((text) => pattern(quote).test(text.replaceAll(FILLED_IN, '\n')))).not.toEqual([]);
	});

	test('every row quotes one', () => {
		for (const [first] of rows) expect(first?.emphasized).not.toEqual([]);
	});

	test.each(['submit', 'fetch'] as const)('are all that can come of a %s', (purpose) => {
		const patterns = quotes.map(pattern);
		const unquoted = worded(purpose).filter(
			(problem) => !patterns.some((quote) => quote.test(problem.message)),
		);
		expect(unquoted.map((problem) => problem.message)).toEqual([]);
	});
});

describe('the documents', () => {
	const all = documents().map((path) => new Document(path));

	test('are found', () => {
		expect(all.map(({ path }) => path)).toEqual(
			expect.arrayContaining([
				'README.md',
				'CONTRIBUTING.md',
				'SECURITY.md',
				'CHANGELOG.md',
				'docs/polling.md',
			]),
		);
		expect(readme.links().length).toBeGreaterThan(40);
	});

	test('are short where a person begins', () => {
		expect(readText('README.md').split(/\s+/).length).toBeLessThanOrEqual(MAX_WORDS);
	});

	test('link to files and headings that are there', () => {
		expect(
			all.flatMap((document) => document.links().flatMap((link) => deadEnd(document, link) ?? [])),
		).toEqual([]);
	});

	test('name commands that are there', () => {
		const ofNpm = ['audit', 'ci', 'install', 'pack', 'publish'];
		const named = all.flatMap((document) => document.commands().map((command) => ({ ...command, document })));
		expect(named.length).toBeGreaterThan(20);
		const unknown = named.filter(({ name, isRun }) => {
			return !(name in manifest.scripts) && (isRun || !ofNpm.includes(name));
		});
		expect(unknown.map(({ name, document }) => `${document.path}: npm run ${name}`)).toEqual([]);
		const inReadme = readme.commands().map(({ name }) => name);
		expect(inReadme).toEqual(expect.arrayContaining(['start', 'test']));
	});

	test('show every picture of docs/, and every example with its canvas', () => {
		const links = all.flatMap((document) => document.linksFromRoot());
		const pictures = listFiles('docs').filter((file) => !file.endsWith('.md'));
		expect(links).toEqual(expect.arrayContaining(pictures.map((file) => `docs/${file}`)));
		const names = listExamples();
		expect(readme.links()).toEqual(expect.arrayContaining(names.map((name) => `examples/${name}.json`)));
		expect(examples.linksFromRoot()).toEqual(
			expect.arrayContaining(names.flatMap((name) => [`examples/${name}.json`, `docs/canvas-${name}.png`])),
		);
	});

	test('offer the choices of the nodes in the form for a bug', () => {
		const form = parse(readText('.github/ISSUE_TEMPLATE/bug.yml')) as {
			body: Array<{ id?: string; attributes: { options?: unknown } }>;
		};
		const choices = (id: string) => form.body.find((field) => field.id === id)?.attributes.options;
		const waits = named(properties, 'waitFor').options as INodePropertyOptions[];
		expect(choices('wait')).toEqual([...waits.map(({ name }) => name), 'It is the trigger']);
		const nodes = [new ImgTo3d(), new ImgTo3dTrigger()];
		expect(choices('node')).toEqual(nodes.map(({ description }) => description.displayName));
	});

	test('plot the polls as the code makes them', async () => {
		expect(await drawPollingPlot()).toBe(readText('docs/polling.svg'));
	});

	test('the README shows its pictures on npm too, which looks for them from the root of the repository', () => {
		expect(manifest.repository.url).toMatch(/^git\+https:\/\/github\.com\/[\w-]+\/[\w-]+\.git$/);
		expect(manifest.repository).not.toHaveProperty('directory');
		expect(readme.links().filter((link) => /^(\/|\.)/.test(link))).toEqual([]);
	});

	test('the addresses that n8n shows as documentation lead to headings of the README', () => {
		const addresses = [codex, triggerCodex].flatMap(({ resources }) => [
			...resources.primaryDocumentation,
			...resources.credentialDocumentation,
		]);
		for (const url of [...addresses.map((entry) => entry.url), new StableDiffusionApi().documentationUrl]) {
			const [repository, anchor = ''] = url.split('#');
			expect(`git+${repository}.git`).toBe(manifest.repository.url);
			// GitHub's own name for the whole of it.
			expect([...readme.anchors(), 'readme']).toContain(anchor);
		}
	});
});
