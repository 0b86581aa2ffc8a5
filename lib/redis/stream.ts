/** The stream that the servers of a room share: what goes into it, what comes out, and by what. */

/** The id of nothing: what follows it is all there is. */
export const START = "0-0";
/** Instead of how far it has read: the server leaves. */
export const GONE = "gone";

/** What one server adds at a time. */
export interface NewEntry {
  /** The server, by the name it has given itself. */
  readonly by: string;
  /** Counts the entries of a server, from 1, which is that of its joining. */
  readonly number: number;
  /** The id up to which the server has everything in its log, or `GONE`. */
  readonly read: string;
  /** The id up to which all servers have everything; what is before it may be forgotten. */
  readonly tail: string;
  /** Whole lines of one kind, or none; each character a byte: replies about streams come as text. */
  readonly lines: string;
  /** Whether they are only for those that are here, and no history. */
  readonly isPassing: boolean;
  /**
   * What is to be done in its place: `reserve` or `release` a name, by its key, for this server; or
   * `drop` a server, by its name: what that adds from now on is `Forgotten`, and its names are free.
   */
  readonly requests: readonly string[];
}

/** An entry, as it is read. */
export interface Entry extends Omit<NewEntry, "tail" | "requests"> {
  /** Its place: `ms-sequence`, ascending. */
  readonly id: string;
  /** The entry before it: a server that has read another one there has missed something. */
  readonly after: string;
  /** For each name to reserve, 1 if the server has it now, else 0. */
  readonly granted: string;
}

/** What a server is told when it joins. */
export interface Joined {
  /** The place of its first entry. */
  readonly id: string;
  /** How far each of the others has read, by its name. */
  readonly others: ReadonlyMap<string, string>;
  /** Lines that were sent before, as far as they are kept, each character a byte. */
  readonly history: readonly string[];
}

/** One connection to the stream. All but readings are answered in the order in which they were asked. */
export interface StreamLink {
  /** Has a server join, in place of another one if that is not "". */
  join(by: string, instead: string, done: (joined: Joined) => void): void;
  /** Adds an entry, unless its number shows that it was added before. */
  add(entry: NewEntry, done: () => void): void;
  /** Answers with what follows an id, as soon as there is any, or with nothing after a second. */
  read(after: string, done: (entries: readonly Entry[]) => void): void;
  /** After this, nothing comes from it. What was asked may still be done. */
  close(): void;
}

/** Connects. After `onLost` it is of no use any more; a `Forgotten` or `Refused` tells more than that. */
export type OpenStream = (onOpen: () => void, onLost: (error: Error) => void) => StreamLink;

/** The stream does not have what it had. */
export class Forgotten extends Error {}

/** The other servers have other options than this one. */
export class Refused extends Error {}

/** Compares two ids: negative if `a` is before `b`. */
export function compareIds(a: string, b: string): number {
  const [aMs = 0, aSequence = 0] = a.split("-").map(Number);
  const [bMs = 0, bSequence = 0] = b.split("-").map(Number);
  return aMs - bMs || aSequence - bSequence;
}
