/**
 * Work that one call does for all that want the same: it is under way once at a time, and one call waits to do it once
 * more for those that came meanwhile, because what they tell may have become true since it began. However many calls
 * come, n8n has two of them in hand: in n8n 2.41 each holds an expression sandbox of some megabytes.
 */
export class SingleFlight {
	private readonly underWay = new Map<string, { end: Promise<unknown>; isFollowed: boolean }>();

	/**
	 * @param subject what the work is about
	 * @returns nothing when another call begins that work after this one has come
	 */
	async run<T>(subject: string, work: () => Promise<T>): Promise<T | undefined> {
		const ahead = this.underWay.get(subject);
		if (ahead) {
			if (ahead.isFollowed) return undefined;
			ahead.isFollowed = true;
			await ahead.end;
			if (this.underWay.has(subject)) return undefined;
		}
		const doing = work();
		this.underWay.set(subject, { end: doing.catch(() => undefined), isFollowed: false });
		try {
			return await doing;
		} finally {
			this.underWay.delete(subject);
		}
	}
}
