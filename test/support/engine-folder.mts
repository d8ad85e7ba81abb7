import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * n8n's folder in tests. n8n-core keeps the first folder that it gets for as long as the process lives, so all test files of
 * a worker use the same one. Each file makes it and removes it.
 */
export const ENGINE_FOLDER = join(tmpdir(), `img-to-3d-tests-${process.pid}`);
