/** The stream that the servers of a room share: what goes into it, what comes out, and by what. */

/** The id of nothing: what follows it is all there is. */
export const START = "0-0";

/** Where a server is when it asks for something. */
export interface Progress {
  /** The server, by the name it has given itself. */
  readonly by: string;
  /** That of what it added or told last: one more each time, its joinings and heartbeats included. */
  readonly number: number;
  /** The id up to which it has everything in its log. */
  readonly read: string;
}

/** What a server adds at a time. */
export interface NewEntry extends Progress {
  /** What is before this id may be forgotten. */
  readonly tail: string;
  /** Runs of whole lines of one kind, or none. */
  readonly runs: readonly Uint8Array[];
  /** Whether they are only for those that are here, and no history. */
  readonly isPassing: boolean;
  /** What is done in its place: `reserve` or `release` a name, by its key; or `leave`. */
  readonly requests: readonly string[];
}

/** An entry, as it is read: without lines if they are one's own, or if a server joins with it. */
export interface Entry extends Omit<NewEntry, "tail" | "requests" | "runs"> {
  /** Its place: `ms-sequence`, ascending. */
  readonly id: string;
  /** The entry before it: a server that has read another one there has missed something. */
  readonly after: string;
  readonly lines: Uint8Array;
  /** Whether its server joins with it, for the first time or again. */
  readonly isJoining: boolean;
  /** For each name to reserve, 1 if the server has it now, else 0. */
  readonly granted: string;
}

/** For each server that is not considered down, by its name: number and read. */
export type States = ReadonlyMap<string, string>;

/** With what a server joins; `read` is "" if it begins with what follows that. */
export interface Joining extends Progress {
  /** The server that it was before and is not any more, or "". */
  readonly instead: string;
  /** The names that its members have, by their keys: they are still theirs, or it is out of sync. */
  readonly keys: readonly string[];
}

/** One connection to the stream; it is lost if something is not done, or not answered in time. */
export interface StreamLink {
  /**
   * What was added before under the same name and is not in the stream by then never will be. Tells
   * the place of the joining and the entry before that; or "", and why it cannot join: others run with
   * other options.
   */
  join(joining: Joining, done: (id: string, after: string, servers: States) => void): void;
  add(entry: NewEntry): void;
  /** Shows that a server is there; tells the last id, and which servers there are. */
  beat(heartbeat: Progress, done: (last: string, servers: States) => void): void;
  /** Has a server that is still in this state considered down; the names that are free now, if it was. */
  drop(name: string, state: string, done: (keys: readonly string[] | undefined) => void): void;
  /**
   * Answers with what follows an id, as soon as there is any, or with nothing after a second.
   *
   * @param by the server that reads, for which its own lines need not come
   */
  read(after: string, by: string, done: (entries: readonly Entry[]) => void): void;
  /** After this, nothing comes from it. What was asked may still be done. */
  close(): void;
}

/** Why a connection is of no use any more. Out of sync: the stream does not have what it had. */
export type Trouble = "redis is away" | "cannot share the room" | "out of sync";

/** Connects; what is asked before it has is done then. */
export type OpenStream = (onLost: (trouble: Trouble, why: string) => void) => StreamLink;

/** Compares two ids, number by number: negative if the first is before the second. */
export function compareIds(one: string, other: string): number {
  const sequenceOf = (id: string) => Number(id.slice(id.indexOf("-") + 1));
  return (
    Number.parseInt(one, 10) - Number.parseInt(other, 10) || sequenceOf(one) - sequenceOf(other)
  );
}

/** How much of the stream is kept: for servers that come back, and as history for those that start. */
export interface KeptMax {
  /** So much, or what is younger than this, whichever is less. */
  readonly bytes: number;
  readonly ms: number;
  /** At least so much that is history; lines that are short and few for each entry count as more. */
  readonly historyBytes: number;
}

/** What a server has a session with the stream for. */
export interface SessionOptions {
  readonly room: string;
  readonly open: OpenStream;
  /** The most bytes sent here that a server has not read yet: at least those of the longest line. */
  readonly takenBytesMax: number;
  readonly kept: KeptMax;
  /** Gives a name that no server has had. */
  readonly newName: () => string;
  /** Told what an operator should know. */
  readonly report: (what: string) => void;
}
