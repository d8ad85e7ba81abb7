/** Map that forgets its least recently used entries once their total size passes a limit. */
export class BoundedMap<V> {
	private readonly entries = new Map<string, { value: V; size: number }>();

	private total = 0;

	/** @param limit largest total size, in the unit of `set`'s sizes */
	constructor(private readonly limit: number) {}

	get(name: string): V | undefined {
		const entry = this.entries.get(name);
		if (!entry) return undefined;
		this.entries.delete(name);
		this.entries.set(name, entry);
		return entry.value;
	}

	/** Keeps a value. The newest entry stays even when it alone is over the limit. */
	set(name: string, value: V, size: number): void {
		this.delete(name);
		this.entries.set(name, { value, size });
		this.total += size;
		for (const oldest of this.entries.keys()) {
			if (this.total <= this.limit || oldest === name) break;
			this.delete(oldest);
		}
	}

	delete(name: string): void {
		const entry = this.entries.get(name);
		if (!entry) return;
		this.total -= entry.size;
		this.entries.delete(name);
	}
}
