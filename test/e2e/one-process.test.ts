import { startWorld, type World } from '../../n8n/real/worlds.mts';
import { testAccount } from './account.mts';
import { testAgents } from './agent.mts';
import { testExamples } from './examples.mts';
import { testLateFiles } from './late-files.mts';
import { testLimits } from './limits.mts';
import { testMoney } from './money.mts';
import { testKeyIsNowhere } from './secrets.mts';
import { testCommon } from './suite.mts';

describe.each(['2.0.0', '2.41.1'] as const)('n8n %s in one process', (version) => {
	let world: World;
	beforeAll(async () => {
		world = await startWorld({ version });
	});
	afterAll(async () => {
		await world?.stop();
	});

	testCommon(() => world);

	testMoney(() => world);

	describe('the account:', () => testAccount(() => world));

	describe('a limit of n8n:', () => testLimits(() => world, version));

	describe('no connection stays open of', () => testLateFiles(() => world));

	describe('the example', () => testExamples(() => world));

	describe('as a tool', () => testAgents(() => world));

	testKeyIsNowhere(() => world);
});
