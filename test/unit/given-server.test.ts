import { readGivenServer } from '../../n8n/real/given-server.mts';

const ENV = {
	IMG_TO_3D_N8N: 'http://127.0.0.1:5678/home/workflows',
	IMG_TO_3D_N8N_EMAIL: 'me@example.org',
	IMG_TO_3D_N8N_PASSWORD: 'Turntable-1',
	IMG_TO_3D_N8N_FILES: '/tmp/n8n-files',
};

test('the environment names the n8n that the end-to-end tests use', () => {
	expect(readGivenServer({})).toBeUndefined();
	expect(readGivenServer(ENV)).toEqual({
		origin: 'http://127.0.0.1:5678',
		email: 'me@example.org',
		password: 'Turntable-1',
		files: '/tmp/n8n-files',
	});
});

test.each(Object.keys(ENV).slice(1))('%s must be there, too', (name) => {
	expect(() => readGivenServer({ ...ENV, [name]: '' })).toThrow(`IMG_TO_3D_N8N needs ${name} beside it.`);
});

test.each(['127.0.0.1:5678', 'n8n', 'ftp://127.0.0.1/'])('%s is no address of n8n', (address) => {
	expect(() => readGivenServer({ ...ENV, IMG_TO_3D_N8N: address })).toThrow(
		'IMG_TO_3D_N8N is no http(s) URL',
	);
});
