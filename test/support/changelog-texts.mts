/** Changelogs for the tests of releases. */

export const HEAD = '# Changelog\n\nWhat is promised.\n';

/** One that has had no release. */
export const UNRELEASED = `${HEAD}
## [Unreleased]

### Added

- A turntable,
  from an image.

### Fixed

- A [link](README.md).

[Unreleased]: https://example.com/turntables/commits/main
`;
