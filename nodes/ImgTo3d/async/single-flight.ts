/**
 * Lets one call do the work for all calls about the same subject. The work runs once at a time. One more call waits to do
 * it again for those that came later, because what they report may have become true since the work began. So n8n handles
 * only two calls at once, even in a flood. In n8n 2.41 each of them holds an expression sandbox of some megabytes.
 */
export class SingleFlight {
	private readonly running = new Map<string, { end: Promise<unknown>; hasFollower: boolean }>();

	/**
	 * @param subject what the work is about
	 * @returns nothing if another call begins the work later, and so does it for this call too
	 */
	async run<T>(subject: string, work: () => Promise<T>): Promise<T | undefined> {
		const ahead = this.running.get(subject);
		if (ahead) {
			if (ahead.hasFollower) return undefined;
			ahead.hasFollower = true;
			await ahead.end;
			if (this.running.has(subject)) return undefined;
		}
		const result = work();
		this.running.set(subject, { end: result.catch(() => undefined), hasFollower: false });
		try {
			return await result;
		} finally {
			this.running.delete(subject);
		}
	}
}
