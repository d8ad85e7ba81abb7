/**
 * Which folder may import from which, types included. `npm run lint` checks it with dependency-cruiser, which prints the comment
 * of a rule when an import breaks it.
 */

const NODES = 'nodes/ImgTo3d';

/**
 * The layers of the nodes, from the ground up: a file imports from its own layer and from those below it.
 *
 * @type {ReadonlyArray<{ name: string, path: string, why: string }>}
 */
const LAYERS = [
	{
		name: 'async',
		path: `^${NODES}/async/`,
		why: 'async/ holds clocks, queues and limits that know nothing of 3D, of the service or of items, so each can be read and tested by itself.',
	},
	{
		name: 'file-type',
		path: `^${NODES}/(file-(end|name|ply|type|walk)|image-type)\\.ts$`,
		why: 'file-type.ts, the other file-*.ts and image-type.ts go by a file alone, its bytes and its address, whoever needs it.',
	},
	{
		name: 'mesh',
		path: `^${NODES}/mesh/`,
		why: 'mesh/ says what a mesh holds by its bytes alone, and does not know who downloads it.',
	},
	{
		name: 'api',
		path: `^${NODES}/api/`,
		why: 'api/ knows what the service says and takes, and not what the node does with it.',
	},
	{
		name: 'account',
		path: `^${NODES}/account/`,
		why: 'account/ asks about the account as a whole: its balance and its jobs. It takes no part in a job.',
	},
	{
		name: 'request',
		path: `^${NODES}/(request|tool-call)\\.ts$`,
		why: 'request.ts and tool-call.ts are what everything above agrees on: the work that one item asks for, and who calls.',
	},
	{
		name: 'parameters',
		path: `^${NODES}/parameters/`,
		why: 'parameters/ describes the panel, and does not run anything.',
	},
	{
		name: 'polling',
		path: `^${NODES}/polling/`,
		why: 'polling/ decides when to ask for a job, and does not ask.',
	},
	{
		name: 'jobs',
		path: `^${NODES}/jobs/`,
		why: 'jobs/ takes one job from its submit to its end, and knows neither items nor who waits for the job. What it needs from above is an interface in jobs/.',
	},
	{
		name: 'output',
		path: `^${NODES}/output/`,
		why: 'output/ turns a job that has ended into items and files, whoever asked for it.',
	},
	{
		name: 'webhook',
		path: `^${NODES}/webhook/`,
		why: 'webhook/ is what the two receivers of webhook calls share, so it knows neither of them.',
	},
	{
		name: 'suspend',
		path: `^${NODES}/suspend/`,
		why: 'suspend/ suspends and resumes executions, and does not know how items are read or run.',
	},
	{
		name: 'trigger',
		path: `^${NODES}/trigger/`,
		why: 'trigger/ starts workflows, and shares nothing with the operations of the action node.',
	},
	{
		name: 'operations',
		path: `^${NODES}/operations/`,
		why: 'operations/ says what each operation does with one item. The item loop runs it, and not the other way round.',
	},
	{
		name: 'item-loop',
		path: `^${NODES}/item-loop/`,
		why: 'item-loop/ runs any operation for all items. The node calls it.',
	},
	{ name: 'node', path: `^${NODES}/[^/]+\\.node\\.ts$`, why: '' },
];

const anyOf = (layers) => layers.map(({ path }) => path).join('|');

/** @returns a rule for each layer but the topmost: it imports nothing from above */
const layerRules = () =>
	LAYERS.slice(0, -1).map(({ name, path, why }, index) => ({
		name: `${name}-imports-from-below`,
		comment: `${why} It must not import from a layer above it (the order is in scripts/lint/layers.mjs).`,
		severity: 'error',
		from: { path },
		to: { path: anyOf(LAYERS.slice(index + 1)) },
	}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
	forbidden: [
		...layerRules(),
		{
			name: 'every-file-has-a-layer',
			comment:
				'A file of the nodes belongs to a layer, or its imports are not checked. Move it into a folder that is there, or give a new folder its place in scripts/lint/layers.mjs.',
			severity: 'error',
			from: { path: `^${NODES}/`, pathNot: anyOf(LAYERS) },
			to: {},
		},
		{
			name: 'no-circle',
			comment:
				'Files that import each other in a circle can only be understood together, also when it is only types. Move what both need into a file below both.',
			severity: 'error',
			from: {},
			to: { circular: true },
		},
		{
			name: 'every-import-is-found',
			comment: 'An import that leads nowhere cannot be checked. Correct its path, or add its package.',
			severity: 'error',
			// The entry that n8n's lint asks for, by an export that only ESLint's resolver finds.
			from: { pathNot: '^eslint\\.config\\.mjs$' },
			to: { couldNotResolve: true },
		},
		{
			name: 'nodes-import-only-nodes',
			comment:
				'The published package has no dependencies and no files but its own: nodes/ imports from nodes/, n8n-workflow and Node.',
			severity: 'error',
			from: { path: '^nodes/' },
			to: { pathNot: '^nodes/|(^|/)node_modules/n8n-workflow/', dependencyTypesNot: ['core'] },
		},
		{
			name: 'credentials-import-nothing',
			comment:
				'n8n loads a credential by itself, before any node: credentials/ imports from n8n-workflow only.',
			severity: 'error',
			from: { path: '^credentials/' },
			to: { pathNot: '(^|/)node_modules/n8n-workflow/' },
		},
		{
			name: 'model-imports-only-model',
			comment:
				'local-api/model/ is geometry: pictures and numbers in, meshes and files out. It knows neither HTTP nor the API that serves it, so it can be used and tested without them.',
			severity: 'error',
			from: { path: '^local-api/model/' },
			to: {
				pathNot: '^local-api/model/|(^|/)node_modules/(?!axios|fastify)|^(buffer|path|timers/promises)$',
			},
		},
		{
			name: 'local-api-imports-only-local-api',
			comment:
				'local-api/ stands in for the service by its documentation. If it shared code with the node or its tests, a mistake in that code would be on both sides, and no test would find it.',
			severity: 'error',
			from: { path: '^local-api/' },
			to: { path: '^(nodes|credentials|n8n|test|bench|scripts)/' },
		},
		{
			name: 'only-tests-import-tests',
			comment:
				'test/ is there for tests: what something else needs too belongs beside it. Only bench/ shares what test/support/ holds.',
			severity: 'error',
			from: { pathNot: '^(test|bench)/' },
			to: { path: '^test/' },
		},
		{
			name: 'bench-imports-only-support',
			comment: 'bench/ measures. It shares clocks and random numbers with the tests, and none of the tests.',
			severity: 'error',
			from: { path: '^bench/' },
			to: { path: '^test/(?!support/)' },
		},
	],
	options: {
		doNotFollow: { path: 'node_modules' },
		exclude: { path: '^(dist|out|\\.cache|\\.git)/' },
		// Types too: a type that two files take from each other ties them together as well.
		tsPreCompilationDeps: true,
		tsConfig: { fileName: 'tsconfig.dev.json' },
		enhancedResolveOptions: {
			exportsFields: ['exports'],
			conditionNames: ['import', 'require', 'node', 'default', 'types'],
		},
	},
};
