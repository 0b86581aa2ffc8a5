/** The members that stay from the first to the last minute: many listeners that check all they receive, and a few talkers. */

import { demand, Seat } from "../faults/seat.ts";
import { Peer } from "../harness.ts";
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
/** What has not come, once nothing has come for so long, is lost. */
const DRAIN_MS = 20_000;

interface Listener {
  readonly peer: Peer;
  readonly receiver: TranscriptReceiver;
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
    for (let index = 0; index < listeners; index++) await crowd.#listen(port);
    for (let index = 0; index < talkers; index++) {
      const talker = await Seat.join(port, `steady${index}`);
      void talker.left.then((ending) => crowd.#left(ending));
      crowd.talkers.push(talker);
    }
    return crowd;
  }

  /** Rejects as soon as something is wrong with what they receive, or one is disconnected. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** Lines that were received and checked, one said to 100 being 100. */
  get deliveries(): number {
    const members = [...this.#listeners.map(({ receiver }) => receiver), ...this.#heard];
    return members.reduce((lines, member) => lines + member.lines, 0);
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
    const count = () => {
      const all = this.#listeners.map(({ receiver }) => lines - receiver.lines);
      const others = this.talkers.map(({ heard, said }) => lines - said - heard.lines);
      return [...all, ...others].reduce((sum, each) => sum + Math.abs(each), 0);
    };
    let missing = count();
    for (let advancedMs = performance.now(); missing > 0;) {
      await Bun.sleep(100);
      const now = count();
      if (now < missing) advancedMs = performance.now();
      else if (performance.now() - advancedMs > DRAIN_MS) break;
      missing = now;
    }
    this.#mayEnd = true;
    return missing;
  }

  /** Waits until the room has closed for everybody, in order. */
  async dissolve(): Promise<void> {
    for (const { name, left } of this.talkers)
      demand((await left) === "end of input", `${name} was reset`);
    for (const { peer } of this.#listeners) demand(await peer.endOfInput(), "a listener was reset");
  }

  get #heard() {
    return this.talkers.map(({ heard }) => heard);
  }

  async #listen(port: number): Promise<void> {
    const receiver = this.#transcript.newReceiver();
    const onBytes = (bytes: Buffer) => {
      try {
        receiver.hear(bytes);
      } catch (error) {
        this.#failure.reject(error);
      }
    };
    const peer = await Peer.connect(port, { onBytes });
    void peer.endOfInput(Infinity).then((isInOrder) => {
      this.#left(isInOrder ? "end of input" : "reset");
      peer.endInput();
    });
    this.#listeners.push({ peer, receiver });
  }

  #left(ending: string): void {
    if (!this.#mayEnd) this.#failure.reject(new Error(`one was disconnected: ${ending}`));
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
      if (fault !== undefined) this.#failure.reject(new Error(`${talker.name} heard ${fault}`));
    }
  }
}
