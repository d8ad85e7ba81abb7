import { buildModel } from '../../local-api/model/model.mts';
import { renderTurntable } from '../../local-api/model/render.mts';
import { nextTurn } from './turn.mts';

const SECONDS = 1;
const RECIPE = { prompt: 'a cube', steps: 1, guidanceScale: 5, frameSize: 16, seconds: SECONDS, seed: 1 };

test('a turntable is drawn whole before the next one, so that it is compressed meanwhile', async () => {
	const { mesh, view } = buildModel(RECIPE, undefined, 0);
	await renderTurntable(mesh, view);
	const first = renderTurntable(mesh, view);
	let turns = 0;
	let isDrawn = false;
	const second = renderTurntable(mesh, view).then(({ frames }) => {
		isDrawn = true;
		return frames;
	});
	await first;
	while (!isDrawn) {
		await nextTurn();
		turns += 1;
	}
	expect(turns).toBeGreaterThanOrEqual(await second);
});
