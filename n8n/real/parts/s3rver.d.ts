/** The parts of s3rver that the store uses. The package has no types. */
declare module '@20minutes/s3rver' {
	export default class S3rver {
		constructor(options: {
			address: string;
			port: number;
			directory: string;
			silent: boolean;
			/** `false`: the bucket is the first part of the path. */
			vhostBuckets: boolean;
			configureBuckets: Array<{ name: string; configs?: string[] }>;
		});
		run(): Promise<{ port: number }>;
		close(): Promise<void>;
		/** The server, when it runs. */
		httpServer: import('node:http').Server;
	}
}
