/** What disturbs the steady crowd: guests that come and go, and faults at random. */

import assert from "node:assert/strict";

import { FAULTS } from "../faults/faults.ts";
import { stopAmid, undergo } from "../faults/ordeal.ts";
import { Seat } from "../faults/seat.ts";
import type { ServerProgram } from "../harness.ts";
import { Random } from "../simulation/random.ts";

/** How many guests are there at a time, each for a few lines. */
const GUESTS = 3;
/** The longest pauses, from one guest, fault or other room to the next. */
const GUEST_PAUSE_MS = 100;
const FAULT_PAUSE_MS = 500;
const ROOM_PAUSE_MS = 3_000;

export class Trouble {
  readonly #room: ServerProgram;
  readonly #witness: Seat;
  readonly #recovered: () => Promise<unknown>;
  #isOver = false;
  /** What guests have said, each line of which the witness has heard. */
  guestLines = 0;
  /** What guests have heard, each line of which was the one to come. */
  guestDeliveries = 0;
  #faults = 0;
  #stops = 0;

  /**
   * @param witness a member that hears everything
   * @param recovered waits until lines have gone through the room once more, which a fault may hold up
   *   for a whole patience: without that, one fault after the other could hold it up without end
   */
  constructor(room: ServerProgram, witness: Seat, recovered: () => Promise<unknown>) {
    this.#room = room;
    this.#witness = witness;
    this.#recovered = recovered;
  }

  toString(): string {
    return `${this.#faults} in this room, ${this.#stops} in rooms that were stopped`;
  }

  /**
   * Goes on for a time; returns once all is quiet again.
   *
   * @param seed of what happens, in which order
   */
  async run(seed: number, forMs: number): Promise<void> {
    const random = new Random(seed);
    const keepOn = async (step: (random: Random) => Promise<void>, pauseMs: number) => {
      const own = new Random(random.below(2 ** 32));
      for (; !this.#isOver; await Bun.sleep(own.below(pauseMs))) await step(own);
    };
    const over = setTimeout(() => (this.#isOver = true), forMs);
    const guests = Array.from({ length: GUESTS }, () =>
      keepOn((own) => this.#visit(own), GUEST_PAUSE_MS),
    );
    await Promise.all([
      keepOn((own) => this.#strikeTheRoom(own), FAULT_PAUSE_MS),
      keepOn((own) => this.#strikeAnother(own), ROOM_PAUSE_MS),
      ...guests,
    ]).finally(() => clearTimeout(over));
  }

  /** A guest comes, says some lines, half-closes, and hears on until its EOF. */
  async #visit(random: Random): Promise<void> {
    const guest = await Seat.join(this.#room.port, "guest", { late: true });
    const lines = await guest.say(random.between(1, 100), random.below(500));
    guest.peer.endInput();
    assert.equal(await guest.left, "end of input", `${guest.name} was reset`);
    assert.equal(guest.heard.fault, undefined);
    await this.#witness.hears(guest.name, lines);
    this.guestLines += lines;
    this.guestDeliveries += guest.heard.lines;
  }

  /** A fault for the room with the steady crowd. */
  async #strikeTheRoom(random: Random): Promise<void> {
    const fault = random.pick(FAULTS.filter(({ tls }) => !tls));
    try {
      const end = await fault.unleash(this.#room, this.#witness);
      await Bun.sleep(random.below(500));
      await end?.();
      await this.#recovered();
    } catch (cause) {
      throw new Error(`while ${fault.name}: ${cause}`, { cause });
    }
    this.#faults++;
  }

  /** A room of its own for the faults that need special options, and for a SIGTERM in the middle. */
  async #strikeAnother(random: Random): Promise<void> {
    const fault = random.pick(FAULTS);
    await (random.chance(500) ? undergo(fault) : stopAmid(fault));
    this.#stops++;
  }
}
