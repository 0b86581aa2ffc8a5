/** Whoever has to do something within one same time: the first one started is due first. */
export class Deadlines<Item> {
  readonly #withinMs: number;
  readonly #now: () => number;
  /** In the order of their deadlines, because a start puts an item at the end. */
  readonly #atMs = new Map<Item, number>();

  constructor(withinMs: number, now: () => number) {
    this.#withinMs = withinMs;
    this.#now = now;
  }

  get size(): number {
    return this.#atMs.size;
  }

  /** The item due first. */
  get first(): Item | undefined {
    const [item] = this.#atMs.keys();
    return item;
  }

  /** When it is due. */
  get dueAtMs(): number {
    const [atMs = Number.POSITIVE_INFINITY] = this.#atMs.values();
    return atMs;
  }

  /** Starts the time of an item, or starts it anew. */
  start(item: Item): void {
    this.#atMs.delete(item);
    this.#atMs.set(item, this.#now() + this.#withinMs);
  }

  stop(item: Item): void {
    this.#atMs.delete(item);
  }

  /** Those whose time is over by then; all of them by default. */
  over(now = Number.POSITIVE_INFINITY): Item[] {
    const items: Item[] = [];
    for (const [item, atMs] of this.#atMs) {
      if (now < atMs) break;
      items.push(item);
    }
    return items;
  }
}
