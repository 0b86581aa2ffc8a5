/** What disturbs the steady crowd: guests that come and go, and faults at random. */

import assert from "node:assert/strict";

import { FAULTS } from "../faults/faults.ts";
import { stopAmid, undergo } from "../faults/ordeal.ts";
import { Seat } from "../faults/seat.ts";
import type { ServerProgram } from "../harness.ts";
import { Random } from "../simulation/random.ts";
import type { Crowd } from "./crowd.ts";

/** How many guests are there at a time, each for a few lines. */
const GUESTS = 3;
/** The longest pauses, from one guest, fault or other room to the next. */
const GUEST_PAUSE_MS = 100;
const FAULT_PAUSE_MS = 500;
const ROOM_PAUSE_MS = 3_000;
/** Of servers in a soak: what hundreds receive at once keeps this process busy for seconds. */
export const PATIENCE = "10s";

/** After a fault, so many lines of a talker have to come before the next. */
const RECOVERY_LINES = 500;

/**
 * Disturbs a room for a time; resolves once all is quiet again.
 *
 * @param seed of what happens, in which order
 */
export async function disturb(room: ServerProgram, crowd: Crowd, seed: number, forMs: number) {
  const { witness } = crowd;
  const random = new Random(seed);
  const endMs = performance.now() + forMs;
  /** Lines of guests, each of which the witness has heard, and those they have heard themselves. */
  const counts = { guestLines: 0, guestDeliveries: 0, faults: 0, stops: 0 };

  /** A guest comes, says some lines, half-closes, and hears on until its EOF. */
  const visit = async (own: Random) => {
    const guest = await Seat.join(room.port, "guest", { late: true });
    const lines = await guest.say(own.between(1, 100), own.below(500));
    guest.peer.endInput();
    assert.equal(await guest.left, "end of input", `${guest.name} was reset`);
    assert.equal(guest.heard.fault, undefined);
    await witness.hears(guest.name, lines);
    counts.guestLines += lines;
    counts.guestDeliveries += guest.heard.lines;
  };
  /** A fault for the room with the steady crowd. */
  const strikeTheRoom = async (own: Random) => {
    const fault = own.pick(FAULTS);
    try {
      const end = await fault.unleash(room, witness);
      await Bun.sleep(own.below(500));
      await end();
      // Which a fault may hold up for a whole patience: one after the other could do so without end.
      await crowd.goesOn(RECOVERY_LINES);
    } catch (cause) {
      throw new Error(`while ${fault.name}: ${cause}`, { cause });
    }
    counts.faults++;
  };
  /** A room of its own for the faults that need special options, and for a SIGTERM in the middle. */
  const strikeAnother = async (own: Random) => {
    const fault = own.pick(FAULTS);
    // In a stop, members have no more time than the server takes: too little for a flood, here.
    const isStopped = fault.args === undefined && own.chance(500);
    await (isStopped ? stopAmid : undergo)(fault, PATIENCE);
    counts.stops++;
  };

  const keepOn = async (step: (own: Random) => Promise<void>, pauseMs: number) => {
    const own = new Random(random.below(2 ** 32));
    for (; performance.now() < endMs; await Bun.sleep(own.below(pauseMs))) await step(own);
  };
  await Promise.all([
    keepOn(strikeTheRoom, FAULT_PAUSE_MS),
    keepOn(strikeAnother, ROOM_PAUSE_MS),
    ...Array.from({ length: GUESTS }, () => keepOn(visit, GUEST_PAUSE_MS)),
  ]);
  return counts;
}
