/** The members that stay from the first to the last minute: listeners that check all they receive, and a few talkers. */

import { type Place, Seat } from "../faults/seat.ts";
import { eventually } from "../harness/watched.ts";
import type { Random } from "../simulation/random.ts";

/** A talker waits when so many lines of its own are on their way, or a listener is so far behind another. */
const LINES_MAX = 2_000;
const LAG_LINES_MAX = 20_000;
/** A talker says so many lines of one length in one write. */
const WRITE_LINES_MAX = 200;
const PADDING_BYTES_MAX = 60;
/** For so long at most a listener does not read; far less than the room's patience. */
const DAWDLE_MS = 1_500;

export class Crowd {
  readonly #listeners: Seat[] = [];
  readonly talkers: Seat[] = [];
  #fault: string | undefined;
  #isTalking = false;
  #talk: Promise<unknown> = Promise.resolve();
  #mayLeave = false;

  /** Has everybody join before anybody speaks, at these places in turn. */
  static async gather(places: readonly Place[], listeners: number, talkers: number) {
    const crowd = new Crowd();
    const order: number[] = [];
    for (let number = 0; number < listeners + talkers; number++) {
      const at = places[number % places.length] ?? 0;
      const hearing = { order, compares: number > 0 };
      if (number < listeners) crowd.#listeners.push(await Seat.join(at, "listener", hearing));
      else crowd.talkers.push(await Seat.join(at, "steady"));
    }
    for (const { name, left } of crowd.#members)
      void left.then(
        (how) => crowd.#mayLeave || (crowd.#fault ??= `${name} was disconnected: ${how}`),
      );
    return crowd;
  }

  get #members(): readonly Seat[] {
    return [...this.#listeners, ...this.talkers];
  }

  /** One that hears all lines, and looks at their numbers. */
  get witness(): Seat {
    return this.#listeners[0] as Seat; // There is one in each crowd.
  }

  /** What is wrong with what they have received, or that one was disconnected. */
  get fault(): string | undefined {
    const wrong = this.#members.find(({ heard }) => heard.fault !== undefined);
    return wrong ? `${wrong.name} has heard ${wrong.heard.fault}` : this.#fault;
  }

  /** Lines that were received and checked, one said to 100 being 100. */
  get deliveries(): number {
    return this.#members.reduce((lines, { heard }) => lines + heard.lines, 0);
  }

  /** How many lines they have said. */
  get said(): number {
    return this.talkers.reduce((lines, talker) => lines + talker.said, 0);
  }

  /** The last that the server has told each of them. */
  get messages(): readonly string[] {
    return this.#members.map(({ heard }) => heard.message);
  }

  /** Talks until it is hushed, as fast as it can unless there are pauses. */
  talk(random: Random, pauseMs = 0): void {
    this.#isTalking = true;
    this.#talk = Promise.all(this.talkers.map((talker) => this.#say(talker, random, pauseMs)));
  }

  async hush(): Promise<void> {
    this.#isTalking = false;
    await this.#talk;
  }

  /** Waits until so much more was said. */
  async says(lines: number): Promise<void> {
    const end = this.said + lines;
    await eventually(`${lines} more lines`, () => this.said >= end);
  }

  /** Waits until so many lines that a talker says from now on have come to all listeners. */
  async goesOn(lines: number): Promise<void> {
    const { name, said } = this.talkers[0] as Seat; // There is one in each crowd.
    await this.witness.hears(name, said + lines);
    const heard = this.witness.heard.lines;
    for (const { peer, heard: own } of this.#listeners)
      await peer.until(`${heard} lines`, () => own.lines >= heard || own.fault);
  }

  /** While it talks, one listener after the other does not read, so that the room has to wait for it. */
  async dawdle(random: Random): Promise<void> {
    while (this.#isTalking) {
      const { peer } = random.pick(this.#listeners);
      peer.pause();
      await Bun.sleep(random.below(DAWDLE_MS));
      peer.resume();
    }
  }

  /**
   * Waits until everybody has received all lines, without its own; returns how many are missing.
   *
   * @throws {Error} if something is wrong with what they have received
   */
  async missing(): Promise<number> {
    for (const { name, said } of this.talkers) await this.witness.hears(name, said);
    const missing = () =>
      this.#members.reduce(
        (sum, { said, heard }) => sum + Math.abs(this.witness.heard.lines - said - heard.lines),
        0,
      );
    await eventually("all lines", () => missing() === 0 || this.fault).catch(() => {});
    if (this.fault !== undefined) throw new Error(this.fault);
    return missing();
  }

  /** Lets the room disconnect them from now on; resolves to how it did, once all have left. */
  dismiss(): Promise<string[]> {
    this.#mayLeave = true;
    return Promise.all(this.#members.map(({ left }) => left));
  }

  async #say(talker: Seat, random: Random, pauseMs: number): Promise<void> {
    const { heard } = this.witness;
    const isFar = () =>
      talker.said - heard.count(talker.name) > LINES_MAX ||
      this.#listeners.some((listener) => heard.lines - listener.heard.lines > LAG_LINES_MAX);
    while (this.#isTalking) {
      await talker.say(random.between(1, WRITE_LINES_MAX), random.below(PADDING_BYTES_MAX));
      await Bun.sleep(pauseMs);
      while (isFar() && this.#isTalking) await Bun.sleep(1);
    }
  }
}
