/**
 * What can go wrong between the node and the service. The fault table is made from this list.
 *
 * To add a fault, add one entry to the list of its kind: its answer, and what the answer means for the caller. To add a
 * fault of the calls that the service makes, add one entry to `call-faults.mts`.
 */
import { editAnswer, listEchoes } from './answers.mts';
import { type FaultEntry, NO_KEY, type Place } from './fault-entry.mts';
import { ANSWER_FAULTS } from './answer-faults.mts';
import { JOB_FAULTS } from './job-faults.mts';
import { NETWORK_FAULTS } from './network-faults.mts';

/** The service echoes the key. */
const KEY_FAULTS: readonly FaultEntry[] = [
	{
		name: 'key echoed',
		way: editAnswer((answer, { key }) => ({ ...answer, ...listEchoes(key), meta: listEchoes(key) })),
		api: 'harmless',
		file: NO_KEY,
		except: { upload: { none: 'the answer to an upload has a link, which must stay as it is' } },
	},
	{
		name: 'key echoed in a refusal',
		way: ({ key }) => {
			const { header, lower } = listEchoes(key);
			const body = {
				status: 'error',
				message: `Key ${key} is not allowed: ${header}`,
				tip: `${key} ${lower}`,
			};
			return { status: 403, body: JSON.stringify(body) };
		},
		api: 'noAccess',
		file: NO_KEY,
	},
	{
		name: 'key echoed in a page',
		way: ({ key }) => ({ status: 500, body: `<html><body>POST {"key":${JSON.stringify(key)}} failed` }),
		api: 'noAnswer',
		file: NO_KEY,
	},
	{
		name: 'key echoed in a redirect',
		way: ({ key }) => ({
			status: 302,
			headers: {
				location: `http://elsewhere.invalid/${encodeURIComponent(key)}?k=${encodeURIComponent(key)}`,
			},
			body: '',
		}),
		api: 'refused',
		file: NO_KEY,
	},
];

export const FAULTS: readonly FaultEntry[] = [
	...NETWORK_FAULTS,
	...ANSWER_FAULTS,
	...JOB_FAULTS,
	...KEY_FAULTS,
];

/** Finds the entry of a cell. @returns `undefined` for the fault of a call */
export function findFault({ place, fault }: { place: Place; fault: string }): FaultEntry | undefined {
	return place === 'webhook' ? undefined : FAULTS.find(({ name }) => name === fault);
}
