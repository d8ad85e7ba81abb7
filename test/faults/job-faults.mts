/** Faults in what an answer says about the job: its status, its ID, and its files. */
import { answerPage, editAnswer, removeFields, replaceOutput } from './answers.mts';
import { type FaultEntry, NO_FIELD, NO_FILE, NO_OUTPUT, SAME_FILE } from './fault-entry.mts';

/** The service uses an ID that is not a plain number. */
const makeIdFault = (name: string, rawId: string, more: Partial<FaultEntry> = {}): FaultEntry => ({
	name: `id ${name}`,
	way: ({ right }) => ({ body: right.body }),
	api: 'harmless',
	file: SAME_FILE,
	except: { upload: NO_FIELD, fetch: { none: 'the ID is the one in the answer to the submit' } },
	alwaysBecause: 'the ID of a job does not change',
	rawId,
	...more,
});

const makeOutputFault = (name: string, output: (outputs: string[]) => unknown): FaultEntry => ({
	name: `output ${name}`,
	way: replaceOutput(output),
	api: 'noFile',
	file: NO_OUTPUT,
});

export const JOB_FAULTS: readonly FaultEntry[] = [
	{
		name: 'unknown status',
		way: editAnswer((answer) => ({ ...answer, status: 'dreaming' })),
		api: 'unknownStatus',
		file: SAME_FILE,
		except: { upload: 'open' },
	},
	{
		name: 'success, then processing',
		way: editAnswer((answer, { outputs, wasDone }) =>
			wasDone
				? { ...answer, status: 'processing', output: [], eta: 1 }
				: { ...answer, status: 'success', output: outputs },
		),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
		isDoneAtOnce: true,
	},
	{
		name: 'success of another job',
		way: editAnswer((answer) => ({
			...answer,
			status: 'success',
			output: ['http://files.localhost/a.ply'],
			id: 4711,
		})),
		api: 'noAnswer',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: { none: 'the first ID is the ID of the job' } },
	},
	{
		name: 'id changed',
		way: editAnswer((answer) => ({ ...answer, id: 4711 })),
		api: 'noAnswer',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: { none: 'the first ID is the ID of the job' } },
	},
	{
		name: 'id missing',
		way: removeFields('id'),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
	},
	{
		name: 'id and fetch_result missing',
		way: removeFields('id', 'fetch_result'),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: 'unnamed' },
	},
	{
		name: 'id a text',
		way: editAnswer((answer) => ({ ...answer, id: String(answer.id) })),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
	},
	makeIdFault('of 19 digits', '9007199254740993123'),
	makeIdFault('1e21', '1e21'),
	makeIdFault('negative', '-17'),
	makeIdFault('with dots', '"a.b.c"'),
	makeIdFault('with a colon', '"job:123"'),
	makeIdFault('with a slash', '"gen/123"'),
	makeIdFault('of 300 characters', `"${'0123456789abcdef'.repeat(20).slice(0, 300)}"`),
	makeIdFault('nested', '7321', { isIdNested: true }),

	makeOutputFault('a number', () => 5),
	makeOutputFault('an object', () => ({ url: 'x' })),
	makeOutputFault('a list of other things', () => [null, 7, { a: 1 }]),
	makeOutputFault('missing', () => undefined),
	makeOutputFault('javascript:', () => ['javascript:alert(1)']),
	makeOutputFault('file:', () => ['file:///etc/passwd']),
	makeOutputFault('data:', () => ['data:text/html,hello']),
	{
		name: 'output withheld',
		way: editAnswer((answer) => ({
			...answer,
			status: 'success',
			output: [],
			future_links: undefined,
			nsfw_content_detected: true,
		})),
		api: 'noFile',
		file: NO_OUTPUT,
		except: { upload: NO_FIELD },
		saidFor: 30,
	},
	{
		name: 'output empty, proxy_links',
		way: editAnswer((answer, { outputs }) => ({
			...answer,
			status: 'success',
			output: [],
			future_links: undefined,
			proxy_links: outputs,
		})),
		api: 'harmless',
		file: NO_OUTPUT,
		except: { upload: NO_FIELD },
		isDoneAtOnce: true,
	},
	{
		name: 'file readable after 20 s',
		way: (pending) => (pending.sinceFirst < 20 ? answerPage(404)(pending) : undefined),
		api: NO_FILE,
		file: 'harmless',
		lasts: 25,
	},
	{
		name: 'file never readable, with a mirror',
		way: answerPage(404),
		api: NO_FILE,
		file: 'harmless',
		hasMirror: true,
		lasts: 75,
	},
	{
		name: 'output in a private network',
		way: replaceOutput(() => ['http://10.11.12.13/latest/meta-data/x.ply']),
		api: 'forbiddenFile',
		isDoneAtOnce: true,
		file: NO_OUTPUT,
		except: { upload: { none: 'the node does not open the link of an upload' } },
		isPublic: true,
	},
	{
		name: 'redirect into a private network',
		way: () => ({
			status: 302,
			headers: { location: 'http://10.11.12.13/latest/meta-data/x.ply' },
			body: '',
		}),
		api: { none: 'the node follows no redirect of the API' },
		file: 'refused',
		isPublic: true,
	},
];
