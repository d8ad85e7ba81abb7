/**
 * Whether every test runs. That takes hours, so it happens each night and before a release (`.github/workflows/nightly.yml`).
 * Otherwise, tests that repeat something with another n8n version or with higher numbers are left out.
 */
export const RUNS_ALL = process.env.IMG_TO_3D_TESTS === 'all';

/** How often a property test runs: `all` times if every test runs, otherwise a tenth of that. */
export const countRuns = (all: number): number => (RUNS_ALL ? all : Math.ceil(all / 10));
