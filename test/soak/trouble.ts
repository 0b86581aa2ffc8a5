/** What disturbs the steady crowd: guests that come and go, and faults at random. */

import { FAULTS } from "../faults/faults.ts";
import { stopAmid, undergo } from "../faults/ordeal.ts";
import { demand, newName, Seat } from "../faults/seat.ts";
import type { ServerProgram } from "../harness.ts";
import { Random } from "../simulation/random.ts";

/** How many guests are there at a time, each for a few lines. */
const GUESTS = 3;
/** The longest pauses, from one guest, fault or other room to the next. */
const GUEST_PAUSE_MS = 100;
const FAULT_PAUSE_MS = 500;
const ROOM_PAUSE_MS = 3_000;
/** How long it may take to end. */
const END_MS = 20_000;

export class Trouble {
  readonly #room: ServerProgram;
  readonly #witness: Seat;
  readonly #recovered: () => Promise<unknown>;
  #over = false;
  #tasks: Promise<void>[] = [];
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
    const fork = () => new Random(random.below(2 ** 32));
    const over = setTimeout(() => (this.#over = true), forMs);
    const guests = Array.from({ length: GUESTS }, () => this.#visit(fork()));
    this.#tasks = [this.#strikeTheRoom(fork()), this.#strikeOthers(fork()), ...guests];
    await Promise.all(this.#tasks).finally(() => clearTimeout(over));
  }

  /** Ends before its time; returns once none of its servers is left, or that takes too long. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.race([Promise.allSettled(this.#tasks), Bun.sleep(END_MS)]);
  }

  /** Guest after guest comes, says some lines, half-closes, and hears on until its EOF. */
  async #visit(random: Random): Promise<void> {
    while (!this.#over) {
      const guest = await Seat.join(this.#room.port, newName("guest"), { late: true });
      const lines = await guest.say(random.between(1, 100), random.below(500));
      guest.finish();
      demand((await guest.left) === "end of input", `${guest.name} was reset`);
      demand(guest.heard.fault === undefined, `${guest.name} heard ${guest.heard.fault}`);
      await this.#witness.hears(guest.name, lines);
      this.guestLines += lines;
      this.guestDeliveries += guest.heard.lines;
      await Bun.sleep(random.below(GUEST_PAUSE_MS));
    }
  }

  /** Fault after fault for the room with the steady crowd. */
  async #strikeTheRoom(random: Random): Promise<void> {
    const possible = FAULTS.filter(({ tls }) => !tls);
    while (!this.#over) {
      const fault = random.pick(possible);
      try {
        const end = await fault.unleash(this.#room, this.#witness);
        await Bun.sleep(random.below(500));
        await end();
        await this.#recovered();
      } catch (cause) {
        throw new Error(`while ${fault.name}: ${cause}`, { cause });
      }
      this.#faults++;
      await Bun.sleep(random.below(FAULT_PAUSE_MS));
    }
  }

  /** Rooms of their own for the faults that need special options, and for a SIGTERM in the middle. */
  async #strikeOthers(random: Random): Promise<void> {
    while (!this.#over) {
      const fault = random.pick(FAULTS);
      if (random.chance(500)) await undergo(fault);
      else await stopAmid(fault);
      this.#stops++;
      await Bun.sleep(random.below(ROOM_PAUSE_MS));
    }
  }
}
