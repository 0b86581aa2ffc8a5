/** Mistakes on purpose, by file: what lists of them are made of, in `mutants/` and `simulation/`. */

/** One fault: a piece of the code, which occurs once, and what it becomes. */
export interface Mutant {
  readonly fault: string;
  /** From the root, such as `lib/client/reconnect.ts`; in `simulation/`, from `lib/`. */
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
}

/**
 * The faults of a file, by what is wrong: a piece of its code and what that becomes, as
 * `code ==> becomes`, or as these two where that would be too long a line.
 */
export function faultsIn(
  file: string,
  faults: Readonly<Record<string, string | readonly [code: string, becomes: string]>>,
): Mutant[] {
  return Object.entries(faults).map(([fault, change]) => {
    const [code = "", becomes = ""] = typeof change === "string" ? change.split(/ ==> ?/) : change;
    return { fault, file, code, becomes };
  });
}

/** One that a test file has to catch. */
export interface ProgramMutant extends Mutant {
  /** From the root. */
  readonly test: string;
}

/** Faults, each of which a test file has to catch. */
export function caughtBy(test: string, ...faults: readonly Mutant[][]): ProgramMutant[] {
  return faults.flat().map((fault) => ({ ...fault, test }));
}
