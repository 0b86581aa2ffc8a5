/** What a room is opened with, and what it reports. */

import type { Member } from "./member.ts";
import type { SharedOrder } from "./order.ts";

/** What there is to choose in a room. */
export interface RoomOptions extends RoomEvents {
  /** The size of the shared log, in bytes; 8 MiB by default. */
  logBytes?: number;
  /** The longest line, in bytes, its LF included; 64 KiB by default. */
  lineBytesMax?: number;
  /**
   * While it holds up the room, a reader has to take 64 KiB, or all that it is
   * owed, in each such time, in ms; 10 s by default.
   */
  patienceMs?: number;
  /** How long a connection is read on after its EOF, in ms; 2 s by default. */
  lingerMs?: number;
  /** How many lines a second a member may say before it is read later; any number by default. */
  linesPerSecond?: number | undefined;
  /** Disconnects members that have said no line for so long, in ms, at least 1; none by default. */
  idle?: { readonly ms: number; readonly word: string } | undefined;
  /** Whether to count the lines that are said, which takes a look at each; not by default. */
  countLines?: boolean | undefined;
  /** Whether each line is said with the name of its member before it; not by default. */
  names?: boolean | undefined;
  /** Tells all members who comes and goes; off by default. */
  announce?: boolean;
  /**
   * How much a newcomer hears of what was said before: the last whole lines that fit into so many
   * bytes, and no more of them than `lines`. It costs these bytes once; none by default.
   */
  history?: { readonly bytes: number; readonly lines?: number | undefined } | undefined;
  /**
   * Looks at the first bytes of a member, again with each more while there are less than 3; what it
   * returns is why the member is disconnected.
   */
  inspect?: ((firstBytes: Uint8Array) => string | undefined) | undefined;
  /** Where what is said gets its place, in a room of several servers; in this room's log by default. */
  order?: SharedOrder | undefined;
  /** The time, in ms, from any start; never goes back. */
  now: () => number;
  /**
   * Asks for a `flush`, for whatever reason it comes, after so many ms at the
   * latest; 0 is the end of this turn of the event loop, once all that is ready
   * has been heard.
   */
  wake: (delayMs: number) => void;
}

/** What a room reports: who comes and goes, who says what, and who is refused. */
export interface RoomEvents {
  /**
   * One has come. In a room with names it hears from now on, and speaks once it has a name.
   *
   * @param name its address and port, or its number on a Unix socket
   */
  onJoin?: ((name: string) => void) | undefined;
  /**
   * A member has a name.
   *
   * @param name what reports call it from now on: its own name, and what `onJoin` was told
   */
  onNamed?: ((name: string) => void) | undefined;
  /**
   * @param reason `end of input`, `reset`, `line too long`, `too slow`, `idle`,
   *   `server stopping`, what `inspect` has returned, why it was sent away, or
   *   why it cannot have its name
   * @param behindBytes how much of the log the member had not taken
   */
  onLeave?: ((name: string, reason: string, behindBytes: number) => void) | undefined;
  /**
   * A member has said a line, and hears what is said by then at the same time as this. Anything may
   * be done to the room meanwhile. What `Room.say` says is not told; nor, in a room that several
   * servers share, what members of the others say, and this server's own are told of while what
   * they say is still on its way to its place.
   *
   * @param line as UTF-8 has it, without its LF or CR LF; in a room with names, as it is said there
   */
  onLine?: ((line: string, by: Member) => void) | undefined;
  /** @param why what it was told, as far as it could be told */
  onRefuse?: ((name: string, why: string) => void) | undefined;
}

/** What holds where an option is left out. */
export const DEFAULTS = {
  logBytes: 8 << 20,
  lineBytesMax: 64 << 10,
  patienceMs: 10_000,
  lingerMs: 2_000,
};
