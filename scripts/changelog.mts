/** What a release does to CHANGELOG.md. Nothing here touches a file. */
import { parser, Release, type Changelog } from 'keep-a-changelog';
import { inc, lte, prerelease, valid } from 'semver';

const STEPS = ['patch', 'minor', 'major'] as const;

/** @returns the version that a step leads to, or the version itself @throws when it is neither */
function findVersion(current: string, wanted: string): string {
	const step = STEPS.find((name) => name === wanted);
	const version = step ? inc(current, step) : valid(wanted);
	// npm would give a prerelease to everybody. A version in another spelling, like v1.2.3, is a mistake.
	if (!version || prerelease(version) || (!step && version !== wanted)) {
		throw new Error(`"${wanted}" cannot be released. Say patch, minor, major, or a version like 1.2.3.`);
	}
	return version;
}

export interface ToRelease {
	/** The text of CHANGELOG.md. */
	changelog: string;
	/** The version that package.json names. */
	current: string;
	/** The new version, or a step from `current`: patch, minor, major. */
	wanted: string;
	date: Date;
	/** The address of the repository. The links to the changes begin with it. */
	repository: string;
}

function read(text: string, repository?: string): Changelog {
	const changelog = parser(text);
	changelog.format = 'markdownlint';
	changelog.url = repository;
	return changelog;
}

/**
 * Makes a version of the entries under Unreleased.
 *
 * @returns the version, and the changelog with it
 * @throws when there is nothing to release, or the version is not possible
 */
export function release({ changelog: text, current, wanted, date, repository }: ToRelease): {
	version: string;
	changelog: string;
} {
	const version = findVersion(current, wanted);
	const changelog = read(text, repository);
	// The library sorts them: the newest first.
	const newest = changelog.releases.find((candidate) => candidate.version);
	const unreleased = changelog.findRelease();
	if (!unreleased || unreleased.isEmpty()) throw new Error('CHANGELOG.md has nothing under Unreleased.');
	if (newest?.version && lte(version, newest.version)) {
		throw new Error(`CHANGELOG.md already has ${newest.version}. ${version} is not after it.`);
	}
	unreleased.setVersion(version);
	unreleased.setDate(date);
	changelog.addRelease(new Release());
	return { version, changelog: changelog.toString() };
}

/**
 * @returns the changes of a version, for the page of the release
 * @throws when the changelog has none
 */
export function readNotes(text: string, version: string): string {
	const section = read(text).findRelease(version);
	if (!section || section.isEmpty()) throw new Error(`CHANGELOG.md has no section for ${version}.`);
	// The page has the version as its title.
	return section.toString().replace(/^##[^\n]*\n+/, '');
}
