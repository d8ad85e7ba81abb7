export { systemClock, type Clock } from './clock.mts';
export type { JobSeconds } from './durations.mts';
export type { Fault, FaultPlace, Misbehavior } from './faults.mts';
export type { JobRecord } from './jobs.mts';
export type { LocalApiOptions } from './options.mts';
export { createMadeFiles } from './outputs.mts';
export { startLocalApi, type LocalApi, type RequestRecord } from './server.mts';
export type { CallRecord, WebhookMode } from './webhooks.mts';
