/** How much a run has seen, so that a range that never evicts or never wraps is visible as such. */

/** Counts of what happened. */
export class Sightings {
  worlds = 0;
  steps = 0;
  connections = 0;
  webSockets = 0;
  arrivals = 0;
  waited = 0;
  waitedWell = 0;
  passPhrases = 0;
  notAllowed = 0;
  tooManyFromAddress = 0;
  roomFull = 0;
  wrongPassPhrases = 0;
  latePassPhrases = 0;
  newPassPhrases = 0;
  lateHandshakes = 0;
  failedHandshakes = 0;
  otherProtocols = 0;
  cutOff = 0;
  oldestClosed = 0;
  oldestArrivalsClosed = 0;
  lines = 0;
  deliveries = 0;
  wraps = 0;
  holds = 0;
  stoppedReaders = 0;
  dribblers = 0;
  leaversDropped = 0;
  leaversKept = 0;
  tooLong = 0;
  greetings = 0;
  named = 0;
  noNames = 0;
  lateNames = 0;
  namesTaken = 0;
  shownLines = 0;
  takeovers = 0;
  idle = 0;
  paced = 0;
  resets = 0;
  cleanEnds = 0;
  histories = 0;
  notices = 0;
  sums = 0;
  botLines = 0;
  disconnected = 0;
  disconnectedLater = 0;
  stops = 0;
  arrivalsStopped = 0;
  closedAtGrace = 0;

  /** Adds what was seen elsewhere. */
  add(other: Sightings): void {
    for (const key of Object.keys(this) as (keyof Counts)[]) this[key] += other[key];
  }
}

type Counts = Omit<Sightings, "add">;
