/**
 * The stream that the servers of a room share: what goes into it, what comes out of
 * it, and what is asked of a connection to it. lib/redis/link.ts has one; in
 * lib/redis/stream-order.ts is what a server does with it.
 */

import type { Claim } from "./claims.ts";

/** The id of nothing: what follows it is all there is. */
export const START = "0-0";
/** Instead of how far it has read: the server takes its leave. */
export const GONE = "gone";

/** What one server says at a time, whole lines or none. */
export interface Saying {
  /** Which server, by the name it has given itself. */
  readonly by: string;
  /** Counts what a server says, from 1, which is its coming. */
  readonly number: number;
  /** The id up to which the server has everything in its log, or `GONE`. */
  readonly read: string;
  /** Up to which id all servers have; what is before it may be forgotten. */
  readonly tail: string;
  /** The last `Claim` that was answered. */
  readonly claimed: number;
  /** The lines, each character a byte: replies about streams come as text. */
  readonly lines: string;
}

/** A saying, as it comes back. */
export interface Entry extends Omit<Saying, "tail" | "claimed"> {
  /** Its place: `ms-sequence`, ascending. */
  readonly id: string;
  /** The one before it; who has read another one there has missed something. */
  readonly after: string;
}

/** How far each server has read, by its name. */
export type Readings = ReadonlyMap<string, string>;

/** One connection to the stream. Sayings are answered in the order in which they were said. */
export interface StreamLink {
  /** Has a server join, in place of another one if that is not ""; `onJoined` answers. */
  join(by: string, instead: string): void;
  /** Adds what has not been added yet, by its number; `onSaid` answers. */
  say(saying: Saying): void;
  /** Asks for a name for a server, or gives it back; `onClaimed` answers. */
  claim(claim: Claim, by: string): void;
  /** Forgets a server for good: what it says from now on is `Forgotten`, and its names are free. */
  drop(server: string): void;
  /** `onEntries` answers with what follows an id, as soon as there is any, or with none after a second. */
  read(after: string): void;
  /** After this, nothing comes from it. What was said may still be added. */
  close(): void;
}

/** What a connection tells. */
export interface StreamEvents {
  onOpen(): void;
  /**
   * @param id the place of the first entry of the server that has joined
   * @param history what was said before, as far as it is kept, each character a byte
   */
  onJoined(id: string, servers: Readings, history: readonly string[]): void;
  /** @param id its place; or if it had been added before, the last place of all */
  onSaid(id: string): void;
  onClaimed(number: number, granted: boolean): void;
  onEntries(entries: readonly Entry[]): void;
  /** It is of no use any more; a `Forgotten` tells more than that. */
  onLost(error: Error): void;
}

/** Connects. */
export type OpenStream = (events: StreamEvents) => StreamLink;

/** The stream does not have what it had. */
export class Forgotten extends Error {}

/** When an entry was added, by the clock of the stream, in ms. */
export function msOf(id: string): number {
  return Number.parseInt(id, 10);
}

/** Compares two ids: negative if `a` is before `b`. */
export function compareIds(a: string, b: string): number {
  const [aMs = 0, aSequence = 0] = a.split("-").map(Number);
  const [bMs = 0, bSequence = 0] = b.split("-").map(Number);
  return aMs - bMs || aSequence - bSequence;
}
