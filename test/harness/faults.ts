/** Mistakes on purpose, by file: what lists of them are made of, in `mutants/` and `simulation/`. */

/** One fault: a piece of the code, which occurs once, and what it becomes. */
export interface Mutant {
  readonly fault: string;
  /** From the root, such as `lib/client/reconnect.ts`. */
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
}

/** One that a test file, from the root, has to catch. */
export interface ProgramMutant extends Mutant {
  readonly test: string;
}

/** By what is wrong: `code ==> becomes`, or these two where that would be too long a line. */
type Faults = Readonly<Record<string, string | readonly [code: string, becomes: string]>>;

export function faultsIn(file: string, faults: Faults): Mutant[] {
  return Object.entries(faults).map(([fault, change]) => {
    const [code = "", becomes = ""] = typeof change === "string" ? change.split(/ ==> ?/) : change;
    return { fault, file, code, becomes };
  });
}

export function caughtBy(test: string, file: string, faults: Faults): ProgramMutant[] {
  return faultsIn(file, faults).map((fault) => ({ ...fault, test }));
}
