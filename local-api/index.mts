export { systemClock, type Clock } from './clock.mts';
export type { Fault, FaultPlace, Misbehaviour } from './faults.mts';
export type { JobRecord } from './jobs.mts';
export {
	startLocalApi,
	type EtaMode,
	type LocalApi,
	type LocalApiOptions,
	type LocalApiSettings,
	type RequestRecord,
} from './server.mts';
export type { WebhookMode } from './webhooks.mts';
