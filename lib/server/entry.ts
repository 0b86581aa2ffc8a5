/** What the registry of extras, lib/server/extras.ts, knows of each. */

import type { Context, Part, Secrets } from "../extras/part.ts";
import type { Table, Values } from "../program/command-line.ts";

/** The values of all options, by their names. */
export type Given = Readonly<Record<string, unknown>>;

/** One of them. */
export interface Entry<Options extends Table, Settings> {
  readonly options?: Options;
  /** Options that do not go together; `!web` stands for one that is not there, but needed. */
  readonly excludes?: readonly (readonly string[])[];
  /** What `listen` takes, out of what is on the command line; the same names and values by default. */
  settings?(given: Values<Options>): Settings;
  /** What it reads from files, and reads again at SIGHUP; false if no option names one. */
  secrets?(given: Values<Options>, isAgain: boolean): Promise<Secrets | false>;
  /** What an operator may not have meant, if others can reach the server. */
  doubt?(given: Given, isOpen: boolean): string | undefined;
  /** By how much it makes a line longer, in bytes. */
  addedBytesMax?(given: Values<Options>): Promise<number>;
  /** How many files it needs. */
  filesMax?(given: Values<Options>): Promise<number>;
  /** No part if it is not asked for. */
  load(settings: Settings, context: Context): Promise<Part | false | 0 | undefined>;
}

/** What is each of several types at once. */
export type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;
