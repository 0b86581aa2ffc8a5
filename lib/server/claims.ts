/** The names that members of this server ask for, where other servers may have given them away. */

/** Asks a connection; what is not answered is asked again of the next one. */
export class Claims {
  readonly #claim: (key: string) => void;
  readonly #release: (key: string) => void;
  readonly #asked = new Map<string, (granted: boolean) => void>();
  /** In order; one may be there twice. */
  #released: string[] = [];

  constructor(claim: (key: string) => void, release: (key: string) => void) {
    this.#claim = claim;
    this.#release = release;
  }

  ask(key: string, answer: (granted: boolean) => void): void {
    this.#asked.set(key, answer);
    this.#claim(key);
  }

  answered(key: string, granted: boolean): void {
    const answer = this.#asked.get(key);
    this.#asked.delete(key);
    answer?.(granted);
  }

  release(key: string): void {
    this.#released.push(key);
    this.#release(key);
  }

  released(key: string): void {
    const at = this.#released.indexOf(key);
    if (at >= 0) this.#released.splice(at, 1);
  }

  /** There is another connection: first what was given back, because it may be asked for again. */
  again(): void {
    for (const key of this.#released) this.#release(key);
    for (const key of this.#asked.keys()) this.#claim(key);
  }

  forget(): void {
    this.#asked.clear();
    this.#released = [];
  }
}
