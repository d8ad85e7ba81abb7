import { parse } from 'yaml';

import manifest from '../../package.json';
import { listFiles, readText } from '../support/own-files.mts';

interface Step {
	uses?: string;
	run?: string;
	with?: Record<string, unknown>;
}

interface Job {
	needs?: string | string[];
	uses?: string;
	permissions?: Record<string, string>;
	strategy?: { matrix: { node?: number[]; command?: string[] } };
	steps?: Step[];
}

interface Workflow {
	on: Record<string, unknown>;
	permissions: Record<string, string>;
	env?: Record<string, string>;
	jobs: Record<string, Job>;
}

const FOLDER = '.github/workflows';
const workflow = (file: string) => parse(readText(`${FOLDER}/${file}`)) as Workflow;

const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps = [] }) => steps);
const commandsOf = (steps: Step[] = []) =>
	steps.flatMap(({ run }) => run?.split('\n').map((line) => line.trim()) ?? []);

const IS_ON_MAIN = 'git merge-base --is-ancestor HEAD refs/remotes/origin/main';

/** The commands of `.ci/run`. */
const required = readText('.ci/run')
	.split('\n')
	.flatMap((line) => /^run (npm .*)$/.exec(line)?.[1] ?? []);

test('CI runs the commands that .ci/run runs', () => {
	const commands = commandsOf(stepsOf(workflow('ci.yml'))).filter((command) => command !== 'npm ci');
	expect(required).toContain('npm test');
	expect(commands).toEqual(expect.arrayContaining(required));
	expect(new Set(commands.filter((command) => !required.includes(command)))).toEqual(
		new Set(['npm ci --workspaces=false']),
	);
});

test('the tests run on the oldest Node that the package is for, and on newer ones', () => {
	const { test } = workflow('ci.yml').jobs;
	expect(commandsOf(test?.steps)).toContain('npm test');
	const [oldest, ...newer] = test?.strategy?.matrix.node ?? [];
	expect(manifest.engines.node).toMatch(new RegExp(`^>=${oldest}\\.`));
	expect(newer).toEqual([22, 24]);
});

test('nothing is published before CI has passed, and its notes are there before that', () => {
	const { jobs } = workflow('release.yml');
	expect(jobs.notes?.needs).toBeUndefined();
	expect(commandsOf(jobs.notes?.steps)).toContainEqual(expect.stringContaining('release:notes'));
	expect(jobs.test).toMatchObject({ needs: 'notes', uses: './.github/workflows/ci.yml' });
	expect(workflow('ci.yml').on).toHaveProperty('workflow_call');
	expect(jobs.nightly).toMatchObject({ needs: 'notes', uses: './.github/workflows/nightly.yml' });
	expect(workflow('nightly.yml').on).toHaveProperty('workflow_call');
	expect(jobs.pack?.needs).toEqual(['test', 'nightly']);
	expect(jobs.publish?.needs).toBe('pack');
	expect(commandsOf(jobs.publish?.steps)).toContain('npm publish ./*.tgz --provenance --access public');
	expect(jobs['github-release']?.needs).toBe('publish');
});

test('a tag is published only from main', () => {
	const { notes } = workflow('release.yml').jobs;
	const [checkout] = notes?.steps ?? [];
	expect(checkout?.with).toMatchObject({ 'fetch-depth': 0 });
	expect(commandsOf(notes?.steps)[0]).toBe(IS_ON_MAIN);
});

test('where the package is published, nothing is installed, built or checked out', () => {
	const { steps = [] } = workflow('release.yml').jobs.publish ?? {};
	const commands = commandsOf(steps).filter((command) => command.startsWith('npm '));
	expect(commands.map((command) => command.split(' ')[1])).toEqual(['config', 'publish']);
	expect(steps.flatMap(({ uses }) => /actions\/[a-z-]+/.exec(uses ?? '') ?? [])).toEqual([
		'actions/setup-node',
		'actions/download-artifact',
	]);
});

test('every test runs each night, those that CI leaves out too', () => {
	const { on, env, jobs } = workflow('nightly.yml');
	expect(on).toHaveProperty('schedule');
	expect(env).toEqual({ IMG_TO_3D_TESTS: 'all' });
	expect(commandsOf(jobs.test?.steps)).toContain('npm test');
	expect(commandsOf(jobs.faults?.steps)).toContain('npm run test:faults -- all');
	expect(jobs.e2e?.strategy?.matrix.command).toEqual(['npm run e2e', 'npm run test:retries']);
});

test('npm itself refuses to publish without provenance, as from a desk', () => {
	expect(manifest.publishConfig).toEqual({ access: 'public', provenance: true });
});

test('only publishing has an identity, and only the release page may be written', () => {
	for (const file of listFiles(FOLDER)) {
		const { permissions, jobs } = workflow(file);
		expect([file, permissions]).toEqual([file, { contents: 'read' }]);
		for (const [name, job] of Object.entries(jobs)) {
			const more = Object.entries(job.permissions ?? {}).filter(([, right]) => right === 'write');
			const allowed = { publish: ['id-token'], 'github-release': ['contents'] }[name] ?? [];
			expect([name, more.map(([what]) => what)]).toEqual([name, allowed]);
		}
	}
});

test('scripts exist, installs come from the lock file, actions are pinned to a commit', () => {
	for (const file of listFiles(FOLDER)) {
		const steps = stepsOf(workflow(file));
		for (const command of commandsOf(steps)) {
			const script = /^npm run (?:--silent )?(\S+)/.exec(command)?.[1];
			if (script) expect(Object.keys(manifest.scripts)).toContain(script);
			expect(command).not.toMatch(/^npm (i|install)\b/);
		}
		for (const { uses } of steps) if (uses) expect(uses).toMatch(/^actions\/[a-z-]+@[\da-f]{40}$/);
		// For people, and for tools that offer newer versions.
		for (const [, version] of readText(`${FOLDER}/${file}`).matchAll(/uses: actions\/\S+(.*)/g)) {
			expect(version).toMatch(/^ # v\d+\.\d+\.\d+$/);
		}
	}
});
