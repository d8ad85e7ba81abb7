/**
 * Jest's Node environment in the realm of the worker itself, so that packages can be shared by all of its test files: n8n-core
 * alone takes two seconds to load. What a test file sets on the global object is taken back after it.
 *
 * Our own modules are still loaded for each test file. `native-package.cjs` hands over the packages.
 */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

const shared = new WeakSet();

/** Jest compiles every module for the context of its environment. For these, that is the worker's own. */
const compileFunction = vm.compileFunction;
vm.compileFunction = (code, parameters, options) =>
	compileFunction(
		code,
		parameters,
		shared.has(options?.parsingContext) ? { ...options, parsingContext: undefined } : options,
	);

const keep = (object) => ({ object, properties: Object.getOwnPropertyDescriptors(object) });

function restore({ object, properties }) {
	for (const key of Reflect.ownKeys(object)) if (!(key in properties)) delete object[key];
	Object.defineProperties(object, properties);
}

module.exports = class SharedRealm extends TestEnvironment {
	constructor(...args) {
		super(...args);
		shared.add(this.context);
		this.kept = [globalThis, process].map(keep);
		this.global = Object.assign(globalThis, { requireNatively: require });
		this.moduleMocker = new this.moduleMocker.constructor(globalThis);
	}

	async teardown() {
		await super.teardown();
		this.kept.forEach(restore);
	}
};
