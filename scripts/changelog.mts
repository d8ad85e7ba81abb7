/** What a release does to CHANGELOG.md. Nothing here touches a file. */
import { parser, Release, type Changelog } from 'keep-a-changelog';

/** A version without a prerelease: what is published here is for everybody. */
const VERSION = /^\d+\.\d+\.\d+$/;

type Step = 'patch' | 'minor' | 'major';
const isStep = (text: string): text is Step => ['patch', 'minor', 'major'].includes(text);

export interface ToRelease {
	/** The text of CHANGELOG.md. */
	changelog: string;
	/** The version that package.json names. */
	current: string;
	/** The version wanted, or a step from `current` to it: patch, minor, major. */
	wanted: string;
	date: Date;
	/** The repository's address, which the links to what has changed begin with. */
	repository: string;
}

function stepFrom(current: string, step: Step): string {
	const [major = 0, minor = 0, patch = 0] = current.split('.').map(Number);
	if (step === 'major') return `${major + 1}.0.0`;
	return step === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

function read(text: string, repository?: string): Changelog {
	const changelog = parser(text);
	changelog.format = 'markdownlint';
	changelog.url = repository;
	return changelog;
}

/**
 * Makes a version of what stands under Unreleased.
 *
 * @returns the version, and the changelog with it
 * @throws when there is nothing to release, or not as that version
 */
export function release({ changelog: text, current, wanted, date, repository }: ToRelease): {
	version: string;
	changelog: string;
} {
	const version = isStep(wanted) ? stepFrom(current, wanted) : wanted;
	if (!VERSION.test(version)) {
		throw new Error(`"${version}" is no version. Say patch, minor, major, or a version like 1.2.3.`);
	}
	const changelog = read(text, repository);
	// The library sorts them: the newest first.
	const newest = changelog.releases.find((candidate) => candidate.version);
	const unreleased = changelog.findRelease();
	if (!unreleased || unreleased.isEmpty()) throw new Error('CHANGELOG.md has nothing under Unreleased.');
	if (newest && newest.compare(new Release(version, date)) <= 0) {
		throw new Error(`CHANGELOG.md is at ${newest.version} already: ${version} is not after it.`);
	}
	unreleased.setVersion(version);
	unreleased.setDate(date);
	changelog.addRelease(new Release());
	return { version, changelog: changelog.toString() };
}

/**
 * @returns what a version has changed, for the release's page
 * @throws when the changelog does not tell
 */
export function notesOf(text: string, version: string): string {
	const section = read(text).findRelease(version);
	if (!section || section.isEmpty()) throw new Error(`CHANGELOG.md has no section for ${version}.`);
	// The page has the version as its title.
	return section.toString().replace(/^##[^\n]*\n+/, '');
}
