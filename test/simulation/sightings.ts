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

/** Adds what was seen elsewhere. */
export function addSightings(seen: Sightings, other: Readonly<Sightings>): void {
  for (const [what, times] of Object.entries(other)) seen[what] = (seen[what] ?? 0) + times;
}
