/** Lets what is due run, one turn of the event loop. */
export { setImmediate as nextTurn } from 'node:timers/promises';
