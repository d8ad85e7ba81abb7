import { UNRELEASED } from '../support/changelog-texts.mts';
import { readText } from '../support/own-files.mts';
import { Repository } from './release-repository.mts';

describe('npm run release', () => {
	let repository: Repository | undefined;
	afterEach(() => {
		repository?.remove();
		repository = undefined;
	});

	test('commits and tags the version, and pushes nothing', async () => {
		repository = new Repository(UNRELEASED);
		const { code, printed } = await repository.release('minor');
		expect(printed).toContain('git push --atomic origin main v0.2.0');
		expect(code).toBe(0);
		expect(repository.git('status', '--porcelain')).toBe('');
		expect(repository.git('log', '-1', '--format=%s %D')).toBe('Release 0.2.0 HEAD -> main, tag: v0.2.0');
		expect(repository.git('diff', '--name-only', 'HEAD~1').split('\n')).toEqual([
			'CHANGELOG.md',
			'package-lock.json',
			'package.json',
		]);
		const today = new Date().toISOString().slice(0, 10);
		expect(repository.read('CHANGELOG.md')).toContain(`## [0.2.0] - ${today}\n\n### Added`);
		expect(JSON.parse(repository.read('package.json'))).toMatchObject({ version: '0.2.0' });
		expect(JSON.parse(repository.read('package-lock.json'))).toMatchObject({
			version: '0.2.0',
			packages: { '': { version: '0.2.0' } },
		});
		expect(await repository.notes('v0.2.0')).toMatchObject({
			code: 0,
			printed: expect.stringMatching(/^### Added/),
		});
	});

	test('is published only if its tag is on main', () => {
		const line = readText('.github/workflows/release.yml')
			.split('\n')
			.find((text) => text.includes('merge-base'));
		const [, command = ''] = / run: git (.+)$/.exec(line ?? '') ?? [];
		const check = () => repository?.git(...command.split(' '));
		repository = new Repository(UNRELEASED);
		repository.git('update-ref', 'refs/remotes/origin/main', 'main');
		expect(check).not.toThrow();
		repository.git('checkout', '-b', 'unreviewed');
		repository.write('new.txt', 'new');
		repository.commit();
		expect(check).toThrow();
	});

	test('makes the first version, which package.json names already', async () => {
		repository = new Repository(UNRELEASED);
		expect(await repository.release('0.1.0')).toMatchObject({ code: 0 });
		expect(repository.git('diff', '--name-only', 'HEAD~1')).toBe('CHANGELOG.md');
		expect(repository.git('tag')).toBe('v0.1.0');
	});

	test.each<[string, string, (repository: Repository) => void]>([
		['a change is not committed', 'uncommitted changes', (there) => there.write('notes.txt', 'later')],
		[
			'it is another branch',
			'needs the branch main. The current branch is fix',
			(there) => there.git('checkout', '-b', 'fix'),
		],
		['the tag is there', 'v0.1.0 already exists', (there) => there.git('tag', 'v0.1.0')],
	])('leaves all as it is when %s', async (_, message, prepare) => {
		repository = new Repository(UNRELEASED);
		prepare(repository);
		const before = repository.state();
		const { code, printed } = await repository.release('0.1.0');
		expect(printed).toContain(message);
		expect(code).toBe(1);
		expect(repository.state()).toBe(before);
	});

	test('leaves all as it is when a test fails', async () => {
		repository = new Repository(UNRELEASED, { test: 'node --eval process.exit(1)' });
		const before = repository.state();
		const { code, printed } = await repository.release('0.1.0');
		expect(printed).toContain('"npm test" failed. Nothing is released.');
		expect(code).toBe(1);
		expect(repository.state()).toBe(before);
	});

	test.each([
		['v0.2.0', "package.json's version is v0.1.0, not v0.2.0"],
		['v0.1.0', 'no section for 0.1.0'],
	])('a tag %s of what was not released has no notes', async (tag, message) => {
		repository = new Repository(UNRELEASED);
		const { code, printed } = await repository.notes(tag);
		expect(printed).toContain(message);
		expect(code).toBe(1);
	});
});
