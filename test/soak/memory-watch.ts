/** Looks at a process's memory all the time, and says whether it stays flat. */

const MIB = 1 << 20;
const SAMPLE_MS = 1_000;
/** The last quarter may have so much more at most than the second, whichever is more. */
const GROWTH_MAX = 0.15;
const GROWTH_BYTES_MAX = 16 * MIB;
/** In less time memory says nothing: the faults that need most do not all come in each quarter. */
const QUARTER_SAMPLES_MIN = 15;

export class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param look the memory there is now, in bytes */
  constructor(look: () => number) {
    this.#timer = setInterval(() => this.#samples.push(look()), SAMPLE_MS);
  }

  /** Returns what is wrong, if something is. */
  end(): string | undefined {
    clearInterval(this.#timer);
    return growth(this.#samples);
  }

  /** Start, middle, end and maximum. */
  toString(): string {
    const all = this.#samples;
    const [start, middle, end] = [0, all.length >> 1, -1].map((at) => mebibytes(all.at(at) ?? 0));
    const maximum = mebibytes(Math.max(0, ...all));
    return `start ${start}, middle ${middle}, end ${end}, maximum ${maximum}`;
  }
}

/**
 * Tells of memory that is not flat. Flat is: the most there was in the last
 * quarter is at most 15 % or 16 MiB above the most there was in the second.
 *
 * @param samples bytes, from first to last; when there are too few, nothing is said
 */
export function growth(samples: readonly number[]): string | undefined {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < QUARTER_SAMPLES_MIN) return undefined;
  const second = Math.max(...samples.slice(quarter, 2 * quarter));
  const last = Math.max(...samples.slice(-quarter));
  if (last <= Math.max(second * (1 + GROWTH_MAX), second + GROWTH_BYTES_MAX)) return undefined;
  return `memory grows: ${mebibytes(second)} in the second quarter, ${mebibytes(last)} in the last`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
