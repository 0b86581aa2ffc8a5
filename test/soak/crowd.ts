/** The members that stay from the first to the last minute: many listeners that check all they receive, and a few talkers. */

import assert from "node:assert/strict";

import { type Ending, endOf, Seat } from "../faults/seat.ts";
import { Peer } from "../harness.ts";
import { eventually } from "../harness/watched.ts";
import type { Random } from "../simulation/random.ts";
import { Transcript, type TranscriptReceiver } from "./transcript.ts";

/** Talkers wait for the others when so much of theirs is on its way. */
const LINES_MAX = 2000;
const LAG_BYTES_MAX = 1 << 20;
/** A talker says so many lines of one length in one write. */
const WRITE_LINES_MAX = 200;
const PADDING_BYTES_MAX = 60;
/** For so long at most a listener does not read; far less than the room's patience. */
const DAWDLE_MS = 1_500;

/** One that only listens, like a seat. */
interface Listener {
  readonly peer: Peer;
  readonly said: 0;
  readonly heard: TranscriptReceiver;
  readonly left: Promise<Ending>;
}

export class SteadyCrowd {
  readonly #transcript = new Transcript();
  readonly #listeners: Listener[] = [];
  readonly talkers: Seat[] = [];
  readonly #failure = Promise.withResolvers<never>();
  #isHushed = false;
  /** Whether everything has been received, so that the room may close. */
  #mayEnd = false;

  /** Has everybody join the room of a port before anybody speaks. */
  static async gather(port: number, listeners: number, talkers: number): Promise<SteadyCrowd> {
    const crowd = new SteadyCrowd();
    crowd.failure.catch(() => {}); // It may come while nobody waits for it.
    for (let index = 0; index < listeners; index++)
      crowd.#listeners.push(await crowd.#listen(port));
    crowd.talkers.push(...(await Seat.joinAll(port, "steady", talkers)));
    for (const { left } of crowd.#members)
      void left.then((ending) => crowd.#mayEnd || crowd.#fail(`one was disconnected: ${ending}`));
    return crowd;
  }

  /** Rejects as soon as something is wrong with what they receive, or one is disconnected. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** Lines that were received and checked, one said to 100 being 100. */
  get deliveries(): number {
    return this.#members.reduce((lines, { heard }) => lines + heard.lines, 0);
  }

  /** How many lines they have said. */
  get said(): number {
    return this.talkers.reduce((lines, talker) => lines + talker.said, 0);
  }

  /** Talks until it is hushed. */
  async talk(random: Random): Promise<void> {
    const dawdling = this.#dawdle(random);
    await Promise.all([dawdling, ...this.talkers.map((talker) => this.#say(talker, random))]);
  }

  hush(): void {
    this.#isHushed = true;
  }

  /** Waits until everybody has received so many lines, without its own; returns how many are missing. */
  async missing(lines: number): Promise<number> {
    const missing = () =>
      this.#members.reduce((sum, { said, heard }) => sum + Math.abs(lines - said - heard.lines), 0);
    await eventually("all lines", () => missing() === 0).catch(() => {});
    this.#mayEnd = true;
    return missing();
  }

  /** Waits until the room has closed for everybody, in order. */
  async dissolve(): Promise<void> {
    for (const { left } of this.#members)
      assert.equal(await left, "end of input", "a member was reset");
  }

  get #members(): readonly (Listener | Seat)[] {
    return [...this.#listeners, ...this.talkers];
  }

  async #listen(port: number): Promise<Listener> {
    const heard = this.#transcript.newReceiver();
    const onBytes = (bytes: Buffer) => {
      try {
        heard.hear(bytes);
      } catch (error) {
        this.#fail(error);
      }
    };
    const peer = await Peer.connect(port, { onBytes });
    return { peer, said: 0, heard, left: endOf(peer) };
  }

  #fail(why: unknown): void {
    this.#failure.reject(why instanceof Error ? why : new Error(String(why)));
  }

  /** One listener after the other stops reading for a while, so that the room has to wait for it. */
  async #dawdle(random: Random): Promise<void> {
    while (!this.#isHushed) {
      const { peer } = random.pick(this.#listeners);
      peer.pause();
      await Bun.sleep(random.below(DAWDLE_MS));
      peer.resume();
    }
  }

  async #say(talker: Seat, random: Random): Promise<void> {
    const { ledger } = this.#transcript;
    const isFar = () =>
      talker.said - ledger.count(talker.name) > LINES_MAX ||
      this.#transcript.lagBytes > LAG_BYTES_MAX;
    while (!this.#isHushed) {
      await talker.say(random.between(1, WRITE_LINES_MAX), random.below(PADDING_BYTES_MAX));
      await new Promise((resolve) => setImmediate(resolve));
      while (isFar() && !this.#isHushed) await Bun.sleep(1);
      const { fault } = talker.heard;
      if (fault !== undefined) this.#fail(`${talker.name} heard ${fault}`);
    }
  }
}
