import manifest from '../../package.json';
import { readNotes, release } from '../../scripts/changelog.mts';
import { HEAD, UNRELEASED } from '../support/changelog-texts.mts';
import { readText } from '../support/own-files.mts';

/** As the first release of UNRELEASED leaves it. */
const FIRST = `${HEAD}
## [Unreleased]

## [0.1.0] - 2026-11-30

### Added

- A turntable,
  from an image.

### Fixed

- A [link](README.md).

[Unreleased]: https://example.com/turntables/compare/v0.1.0...HEAD
[0.1.0]: https://example.com/turntables/releases/tag/v0.1.0
`;

const about = (changelog: string, wanted: string, current = '0.1.0') => ({
	changelog,
	current,
	wanted,
	date: new Date('2026-11-30T23:59:59Z'),
	repository: 'https://example.com/turntables',
});

describe('the changelog', () => {
	test('what was unreleased becomes the first version, with a link to it', () => {
		expect(release(about(UNRELEASED, '0.1.0'))).toEqual({ version: '0.1.0', changelog: FIRST });
	});

	test('the next version stands before it, with a link to what has changed', () => {
		const changed = FIRST.replace('## [Unreleased]\n', '## [Unreleased]\n\n### Changed\n\n- The colours.\n');
		const { version, changelog } = release(about(changed, 'minor'));
		expect(version).toBe('0.2.0');
		expect(changelog).toBe(
			FIRST.replace(
				'## [Unreleased]\n',
				'## [Unreleased]\n\n## [0.2.0] - 2026-11-30\n\n### Changed\n\n- The colours.\n',
			).replace(
				/^\[Unreleased\].*\n/m,
				'[Unreleased]: https://example.com/turntables/compare/v0.2.0...HEAD\n' +
					'[0.2.0]: https://example.com/turntables/compare/v0.1.0...v0.2.0\n',
			),
		);
	});

	test.each([
		['patch', '0.9.10'],
		['minor', '0.10.0'],
		['major', '1.0.0'],
		['0.12.0', '0.12.0'],
	])('%s leads from 0.9.9 to %s', (wanted, version) => {
		expect(release(about(UNRELEASED, wanted, '0.9.9')).version).toBe(version);
	});

	test.each([
		['nothing has changed', FIRST, '0.2.0', 'nothing under Unreleased'],
		['it is not a version', UNRELEASED, 'next', '"next" cannot be released'],
		['it is a prerelease, which would need its own tag', UNRELEASED, '0.2.0-beta.1', 'cannot be released'],
	])('no version is made when %s', (_, changelog, wanted, message) => {
		expect(() => release(about(changelog, wanted))).toThrow(message);
	});

	test.each(['0.1.0', '0.0.9'])('%s is not made after 0.1.0', (wanted) => {
		const changed = FIRST.replace('## [Unreleased]\n', '## [Unreleased]\n\n### Changed\n\n- The colours.\n');
		expect(() => release(about(changed, wanted))).toThrow(`already has 0.1.0. ${wanted} is not after it`);
	});

	test("this package's own loses nothing by a release", () => {
		const own = readText('CHANGELOG.md');
		const { changelog } = release(about(own, 'major', manifest.version));
		const lines = (text: string) => text.split('\n').filter((line) => line && !line.startsWith('['));
		expect(lines(changelog).filter((line) => !/^## \[\d.* - 2026-11-30$/.test(line))).toEqual(lines(own));
	});

	test("a version's notes are its section without the title", () => {
		expect(readNotes(FIRST, '0.1.0')).toBe(
			'### Added\n- A turntable,\n  from an image.\n\n### Fixed\n- A [link](README.md).',
		);
		expect(() => readNotes(FIRST, '0.2.0')).toThrow('no section for 0.2.0');
	});
});
