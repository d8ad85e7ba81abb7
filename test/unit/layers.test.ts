import { violationsWith, type Violation } from './layers.mts';

/** A wrong import: what is added to a file, the rule that it breaks, and the beginning of the sentence that is printed. */
type Case = readonly [title: string, file: string, line: string, rule: string, comment: RegExp];

const CASES: readonly Case[] = [
	[
		'a value from a layer above',
		'nodes/ImgTo3d/async/clock.ts',
		"import { MODELSLAB } from '../api/versions/version';",
		'async-imports-from-below',
		/^async\/ holds clocks, queues and limits that know nothing of 3D/,
	],
	[
		'a type alone from a layer above',
		'nodes/ImgTo3d/api/url.ts',
		"import type { Account } from '../polling/account';",
		'api-imports-from-below',
		/^api\/ knows what the service says and takes/,
	],
	[
		'a type behind an import()',
		'nodes/ImgTo3d/polling/schedule.ts',
		"export type Above = import('../jobs/ledger').AcceptedJob;",
		'polling-imports-from-below',
		/^polling\/ decides when to ask for a job/,
	],
	[
		'a circle of types',
		'nodes/ImgTo3d/async/semaphore.ts',
		"import type {} from './circle';",
		'no-circle',
		/^Files that import each other in a circle/,
	],
	[
		'a package other than n8n-workflow',
		'nodes/ImgTo3d/api/words.ts',
		"import axios from 'axios';",
		'nodes-import-only-nodes',
		/^The published package has no dependencies/,
	],
	[
		'the stand-in from the nodes',
		'nodes/ImgTo3d/api/judge.ts',
		"import type { Clock } from '../../../local-api/clock.mts';",
		'nodes-import-only-nodes',
		/^The published package has no dependencies/,
	],
	[
		'the nodes from a credential',
		'credentials/StableDiffusionApi.credentials.ts',
		"import { MODELSLAB } from '../nodes/ImgTo3d/api/versions/version';",
		'credentials-import-nothing',
		/^n8n loads a credential by itself/,
	],
	[
		'the API from the model',
		'local-api/model/mesh.mts',
		"import type { Clock } from '../clock.mts';",
		'model-imports-only-model',
		/^local-api\/model\/ is geometry/,
	],
	[
		'HTTP from the model',
		'local-api/model/pixels.mts',
		"import 'node:http';",
		'model-imports-only-model',
		/^local-api\/model\/ is geometry/,
	],
	[
		'the nodes from the stand-in',
		'local-api/uploads.mts',
		"import { MODELSLAB } from '../nodes/ImgTo3d/api/versions/version.ts';",
		'local-api-imports-only-local-api',
		/^local-api\/ stands in for the service/,
	],
	[
		'a test from something else',
		'n8n/engine/node-types.cts',
		"import { SAMPLE_RESPONSE } from '../../test/support/reference.ts';",
		'only-tests-import-tests',
		/^test\/ is there for tests/,
	],
	[
		'a file that is not there',
		'nodes/ImgTo3d/api/values.ts',
		"import './nowhere';",
		'every-import-is-found',
		/^An import that leads nowhere/,
	],
	[
		'a file without a layer',
		'nodes/ImgTo3d/nowhere/stray.ts',
		"import '../api/url';",
		'every-file-has-a-layer',
		/^A file of the nodes belongs to a layer/,
	],
];

/** The other half of the circle. */
const CIRCLE = ['nodes/ImgTo3d/async/circle.ts', "import type {} from './semaphore';"] as const;

describe('the lint reports', () => {
	let violations: Violation[] = [];
	beforeAll(async () => {
		violations = await violationsWith([...CASES.map(([, file, line]) => [file, line] as const), CIRCLE]);
	});

	test.each(CASES)('%s', (_title, file, _line, rule, comment) => {
		const found = violations.find((violation) => violation.rule === rule && violation.files.includes(file));
		expect(found?.comment).toMatch(comment);
	});
});
