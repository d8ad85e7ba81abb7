/** What the tests use of the Khronos validator, which comes without types. */
declare module 'gltf-validator' {
	export interface Report {
		issues: {
			numErrors: number;
			numWarnings: number;
			numInfos: number;
			numHints: number;
			messages: Array<{ code: string; message: string; pointer?: string }>;
		};
	}
	export function validateBytes(file: Uint8Array): Promise<Report>;
}
