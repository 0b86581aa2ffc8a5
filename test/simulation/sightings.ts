/** How often each thing has happened in a run, so that one in which nothing was exercised shows it. */
export type Sightings = Record<string, number>;

/** All that is to happen in some thousand worlds. */
export const SIGHTINGS = `
  a name is one word of 1 to 32 characters without a colon, arrivals, arrivals stopped, bot lines,
  clean ends, closed at grace, connections, cut off, deliveries, disconnected, disconnected later,
  dribblers, end of input, flooding, gone before the handshake, greetings, histories, holds, idle,
  leavers dropped, leavers kept, line too long, lines, named, new pass phrases, no handshake,
  no name, no pass phrase, not allowed, notices, oldest arrivals closed, oldest closed, paced,
  pass phrases, reset, room is full, rude, server stopping, shown lines, speaks HTTP,
  speaks PROXY, speaks SSH, speaks TLS, steps, stopped readers, stops, sums,
  certificate has no usable name, the handshake failed, the name is taken, the name was taken over,
  too many connections, too slow, waited, waited well, web sockets, worlds, wraps,
  wrong pass phrase`
  .trim()
  .split(/,\s+/);

/** The same of servers that share a room, in some dozen worlds. */
export const SHARED_SIGHTINGS = `
  batches, deliveries, dies, forgotten, gets no answers, histories, is considered down, is cut off,
  is told to stop, leaves, lines, lines lost, out of sync, redis is back, sleeps, talkers held,
  the stream is full, the stream stands still, the stream's clock is wrong, trimmed, went on, worlds`
  .trim()
  .split(/,\s+/);

/** Adds what was seen elsewhere. */
export function addSightings(seen: Sightings, other: Readonly<Sightings>): void {
  for (const [what, times] of Object.entries(other))
    if (times > 0) seen[what] = (seen[what] ?? 0) + times;
}
