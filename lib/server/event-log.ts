/** What the server says about itself: one line an event on stderr, with the time in front. */

import { isJournal, WARNING } from "../program/journal.ts";
import { openStderr } from "../program/stderr.ts";
import type { RoomEvents } from "../room/options.ts";

/** How many refusals are logged in a second at most. */
const REFUSALS_MAX = 20;
/** What the server decides by itself is a warning. */
const WARNINGS: readonly string[] = ["too slow", "line too long"];

/**
 * Opens the log of a server.
 *
 * @param quiet whether to leave out what is normal
 * @param here tells how many are in the room
 * @param names whether who comes has no name yet, and joins when it is known
 * @returns `note` logs something normal, `warn` what the operator may want to act
 *   on, and `events` what a room and its connections report; `end` logs what is
 *   held back, for the end of a server
 */
export function openEventLog(quiet: boolean, here: () => number, names = false) {
  const { asNews, asWarning } = isJournal() ? JOURNAL : STAMPED;
  const stderr = openStderr((count) =>
    asWarning(`${count} ${count === 1 ? "event was" : "events were"} not logged`),
  );
  const warn = (event: string) => stderr.write(asWarning(event));
  const note = quiet ? () => {} : (event: string) => stderr.write(asNews(event));
  const { admits, end } = oncePerSecond((count) => warn(`${count} more refused`));
  const events: Required<Omit<RoomEvents, "onLine">> & {
    onError: (error: Error) => void;
    onWarning: (what: string) => void;
  } = {
    onJoin: (name) => note(`${names ? "connected" : "joined"} ${name} (${here()} here)`),
    onNamed: (name) => note(`joined ${name} (${here()} here)`),
    onLeave(name, reason, behindBytes) {
      const detail = behindBytes > 0 ? `, ${behindBytes} bytes behind` : "";
      const log = WARNINGS.includes(reason) ? warn : note;
      log(`left ${name}: ${reason}${detail} (${here()} here)`);
    },
    onRefuse(name, why) {
      if (admits(`${name.replace(/:\d+$/, "")} ${why}`))
        warn(`refused ${name}: ${why} (${here()} here)`);
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
/** How lines look, with times of their own. */
const STAMPED = { asNews: stamp, asWarning: stamp };
/** How they look in a journal, to which each line is an entry. */
const JOURNAL = {
  asNews: (event: string) => `${event}\n`,
  asWarning: (event: string) => `${event.replace(/^/gm, WARNING)}\n`,
};
