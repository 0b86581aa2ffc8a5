/**
 * The stream that the servers of a room share: what goes into it, what comes out, by what, and what
 * that tells of the other servers.
 */

/** The id of nothing: what follows it is all there is. */
export const START = "0-0";
/** Instead of how far it has read: the server leaves. */
export const GONE = "gone";
/** A server that is silent for so long is considered down: 5 s after its heartbeat at the latest. */
const SILENCE_MS = 4_000;
/** A longer time without any entry is not one in which one server was silent: the stream stood still. */
const STEP_MS_MAX = 1_000;

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
   * `drop` a server, by its name: it has no place in the room any more, and its names are free.
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

/**
 * One connection to the stream. All but readings are answered in the order in which they were asked;
 * it is lost if an answer does not come in time.
 */
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

/** Why a connection is of no use any more. Out of sync: the stream does not have what it had. */
export type Trouble = "redis is away" | "cannot share the room" | "out of sync";

/** Connects. */
export type OpenStream = (
  onOpen: () => void,
  onLost: (trouble: Trouble, why: string) => void,
) => StreamLink;

/** Compares two ids, number by number: negative if the first is before the second. */
export const compareIds = new Intl.Collator("en", { numeric: true }).compare;

/**
 * The other servers of the room: how far each has read, and whether it is down. Each adds an entry
 * every second, its heartbeat; that one was silent shows in the stream, by the times of the entries.
 */
export class Peers {
  readonly #peers = new Map<string, { read: string; receivedAtMs: number }>();
  /** The time in the stream, as far as some server was there to add something. */
  #nowMs = 0;

  get count(): number {
    return this.#peers.size;
  }

  /** Begins with how far those have read that are known to the stream. */
  begin(others: Joined["others"]): void {
    this.#peers.clear();
    for (const [name, read] of others) this.#peers.set(name, { read, receivedAtMs: this.#nowMs });
  }

  /** The next entry has come, from this server or another. */
  received({ id, after, by, read }: Entry, isOwn: boolean): void {
    this.#nowMs += Math.min(STEP_MS_MAX, Number.parseInt(id) - Number.parseInt(after));
    if (isOwn) return;
    if (read === GONE) this.#peers.delete(by);
    else this.#peers.set(by, { read, receivedAtMs: this.#nowMs });
  }

  /** How far all have read, this server included. */
  tail(own: string): string {
    let tail = own;
    for (const { read } of this.#peers.values()) if (compareIds(read, tail) < 0) tail = read;
    return tail;
  }

  /** Waits no more for those that have been silent for too long; returns their names. */
  dropSilent(): string[] {
    const sinceMs = this.#nowMs - SILENCE_MS;
    const silent = [...this.#peers].filter(([, { receivedAtMs }]) => receivedAtMs <= sinceMs);
    return silent.map(([name]) => name).filter((name) => this.#peers.delete(name));
  }
}
