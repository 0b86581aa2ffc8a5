/** What the server says about itself: one line an event on stderr, with the time in front. */

import { openStderr } from "../program/stderr.ts";
import type { RoomEvents } from "../room/options.ts";

/** How many refusals are logged in a second at most. */
const REFUSALS_MAX = 20;
const SECOND_MS = 1000;
/** What the server decides by itself is a warning. */
const WARNINGS: readonly string[] = ["too slow", "line too long"];

/** The log of a server. */
export interface EventLog {
  /** Something normal has happened. */
  note(event: string): void;
  /** Something has happened that its operator may want to act on. */
  warn(event: string): void;
  /** Logs what a room and its connections report. */
  readonly events: Required<RoomEvents> & { onError: (error: Error) => void };
}

/**
 * Opens the log.
 *
 * @param quiet whether to leave out what is normal
 * @param here how many are in the room
 */
export function openEventLog(quiet: boolean, here: () => number): EventLog {
  const stderr = openStderr((count) =>
    stamp(`${count} ${count === 1 ? "event was" : "events were"} not logged`),
  );
  const warn = (event: string) => stderr.write(stamp(event));
  const note = quiet ? () => {} : warn;
  const refusals = new OncePerSecond((count) => warn(`${count} more refused`));
  return {
    note,
    warn,
    events: {
      onJoin: (name) => note(`joined ${name} (${here()} here)`),
      onLeave(name, reason, behindBytes) {
        const detail = behindBytes > 0 ? `, ${behindBytes} bytes behind` : "";
        const log = WARNINGS.includes(reason) ? warn : note;
        log(`left ${name}: ${reason}${detail} (${here()} here)`);
      },
      onRefuse(name, why) {
        if (refusals.admits(`${name.replace(/:\d+$/, "")} ${why}`))
          warn(`refused ${name}: ${why} (${here()} here)`);
      },
      onError: (error) => warn(`error: ${error.stack ?? error.message}`),
    },
  };
}

/** Lets each name through once a second, and so many names, so that a flood of events cannot flood the log. */
export class OncePerSecond {
  readonly #onHeldBack: (count: number) => void;
  readonly #seen = new Set<string>();
  #heldBack = 0;

  /** @param onHeldBack told at the end of a second how many were not let through, if any */
  constructor(onHeldBack: (count: number) => void) {
    this.#onHeldBack = onHeldBack;
  }

  admits(name: string): boolean {
    if (this.#seen.size === 0) setTimeout(() => this.#endSecond(), SECOND_MS).unref();
    if (this.#seen.has(name) || this.#seen.size >= REFUSALS_MAX) {
      this.#heldBack++;
      return false;
    }
    this.#seen.add(name);
    return true;
  }

  #endSecond(): void {
    this.#seen.clear();
    if (this.#heldBack > 0) this.#onHeldBack(this.#heldBack);
    this.#heldBack = 0;
  }
}

function stamp(event: string): string {
  return `${new Date().toISOString()} ${event}\n`;
}
