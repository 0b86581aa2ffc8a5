/** Chance that can be repeated: everything random in a test comes from its seed. */

/** A generator of 32 bits (mulberry32), quick to start, so that a world can be small. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // The part of a seed above 32 bits counts too.
    this.#state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b9)) | 0;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** A whole number in [lowest, highest]. */
  between(lowest: number, highest: number): number {
    return lowest + this.below(highest - lowest + 1);
  }

  /** True in `perMille` of 1000 cases. */
  chance(perMille: number): boolean {
    return this.below(1000) < perMille;
  }

  /** One of the choices, each as likely as the others. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)] as Choice; // `below` stays inside
  }
}
