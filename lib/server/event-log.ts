/** What the server says about itself: one line an event on stderr, with the time in front. */

import { openStderr } from "../program/output.ts";
import type { RoomEvents } from "./reports.ts";

/** How many refusals are logged in a second at most. */
const REFUSALS_MAX = 20;
/** What the server decides by itself is a warning. */
const WARNINGS: readonly string[] = ["too slow", "line too long"];

/**
 * Opens the log of a server.
 *
 * @param quiet whether to leave out what is normal
 * @param here tells how many are in the room
 * @returns `note` logs something normal, `warn` what the operator may want to act
 *   on, and `events` what a room and its connections report; `end` logs what is
 *   held back, for the end of a server
 */
export function openEventLog(quiet: boolean, here: () => number) {
  const stderr = openStderr((count) =>
    stamp(`${count} ${count === 1 ? "event was" : "events were"} not logged`),
  );
  const warn = (event: string) => stderr.write(stamp(event));
  const note = quiet ? () => {} : (event: string) => stderr.write(stamp(event));
  const { admits, end } = oncePerSecond((count) => warn(`${count} more refused`));
  const events: Required<RoomEvents> & {
    onError: (error: Error) => void;
    onWarning: (what: string) => void;
  } = {
    onJoin: ({ label }) => note(`joined ${label} (${here()} here)`),
    onLeave({ label }, reason, behindBytes) {
      const detail = behindBytes > 0 ? `, ${behindBytes} bytes behind` : "";
      const log = WARNINGS.includes(reason) ? warn : note;
      log(`left ${label}: ${reason}${detail} (${here()} here)`);
    },
    onRefuse(label, why) {
      if (admits(`${label.replace(/:\d+$/, "")} ${why}`))
        warn(`refused ${label}: ${why} (${here()} here)`);
    },
    onWarning: warn,
    onError: (error) => warn(`error: ${error.stack ?? error.message}`),
  };
  return { note, warn, events, end };
}

/** Lets each name through once a second, and so many names: no flood of events floods the log. */
function oncePerSecond(onHeldBack: (count: number) => void) {
  const seen = new Set<string>();
  let heldBack = 0;
  const end = () => {
    seen.clear();
    if (heldBack > 0) onHeldBack(heldBack);
    heldBack = 0;
  };
  const admits = (name: string) => {
    if (seen.size === 0) setTimeout(end, 1000).unref();
    const isAdmitted = seen.size < REFUSALS_MAX && !seen.has(name);
    if (isAdmitted) seen.add(name);
    else heldBack++;
    return isAdmitted;
  };
  return { admits, end };
}

const stamp = (event: string) => `${new Date().toISOString()} ${event}\n`;
