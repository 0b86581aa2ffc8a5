/** What the server says about itself: one line an event on stderr, with the time in front. */

import { stderr } from "../program/process.ts";
import type { RoomEvents } from "./api.ts";

/** How many refusals are logged in a second at most. */
const REFUSALS_MAX = 20;

/**
 * Opens the log of a server: `note` logs what is normal, unless it is `quiet`, `warn` what an operator
 * may want to act on, `events` what a server reports, and `end` what is held back.
 *
 * @param here tells how many are in the room
 */
export function openEventLog(quiet: boolean, here: () => number) {
  stderr.lineOf = (event) => `${new Date().toISOString()} ${event}\n`;
  const warn = (event: string) => stderr.write(stderr.lineOf(event));
  const note = quiet ? () => {} : warn;
  /** Which refusals were logged in this second, each reason once for an address; and how many were not. */
  const refusals = new Set<string>();
  let heldBack = 0;
  const end = () => {
    refusals.clear();
    if (heldBack > 0) warn(`${heldBack} more refused`);
    heldBack = 0;
  };
  const events = {
    onJoin: ({ label }) => note(`joined ${label} (${here()} here)`),
    onLeave({ label }, reason, behindBytes) {
      const detail = behindBytes > 0 ? `, ${behindBytes} bytes behind` : "";
      // What the server decides by itself is a warning.
      const log = /^(too slow|line too long)$/.test(reason) ? warn : note;
      log(`left ${label}: ${reason}${detail} (${here()} here)`);
    },
    onRefuse(label, why) {
      const refusal = `${label.replace(/:\d+$/, "")} ${why}`;
      if (refusals.size === 0) setTimeout(end, 1000).unref();
      if (refusals.size === REFUSALS_MAX || refusals.has(refusal)) return void heldBack++;
      refusals.add(refusal);
      warn(`refused ${label}: ${why} (${here()} here)`);
    },
    onWarning: warn,
    onError: ({ message, stack = message }: Error) =>
      warn(`error: ${stack.replace(/\s*\n\s*/g, " ")}`),
  } satisfies RoomEvents & Record<string, unknown>;
  return { note, warn, events, end };
}
