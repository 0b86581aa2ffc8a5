/**
 * The steady crowd, a process of its own that stays from the first to the last
 * minute: many listeners that check all they hear, and a few talkers.
 *
 *   bun test/soak/steady-crowd.ts '{"port":8080,...}'
 */

import { type Client, gatherCrowd } from "../bench/crowd.ts";
import { DIALECTS } from "../bench/dialects.ts";
import { writeScript } from "../bench/script.ts";
import { demand } from "../faults/faults.ts";
import { Seat } from "../faults/seat.ts";
import { Random } from "../simulation/random.ts";
import { Transcript } from "./transcript.ts";

export interface CrowdPlan {
  port: number;
  listeners: number;
  talkers: number;
  /** Of what the talkers say. */
  seed: number;
}

/** What the crowd tells the soak. */
export type FromCrowd =
  | { kind: "ready" }
  /** Lines heard and checked so far, one said to 100 being 100. */
  | { kind: "progress"; deliveries: number }
  /** No talker says any more; how much each has said. */
  | { kind: "silent"; said: number[] }
  | { kind: "account"; deliveries: number; missing: number }
  | { kind: "problem"; problem: string };

/** What the soak tells the crowd. */
export type ToCrowd =
  | { kind: "hush" }
  /** So many lines were said in all, which everybody should have heard or hear soon. */
  | { kind: "account"; lines: number };

/** Whose lines the talkers wait for: one for each batch, before they say it. */
export const PACEMAKER = "pacemaker";
/** How many lines each talker says at a time; so many and half as many more are on their way at most. */
export const BATCH_LINES = 500;

/** A talker says so many lines of one length in one write. */
const WRITE_LINES_MAX = 50;
const PADDING_BYTES_MAX = 60;
/** The talkers wait for a listener that is so far behind. */
const LAG_BYTES_MAX = 1 << 20;
/** For so long at most a listener does not read; far less than the room's patience. */
const DAWDLE_MS = 1_500;
/** What is still on its way at the end is waited for, until nothing has come for so long. */
const DRAIN_MS = 20_000;
const PROGRESS_MS = 1_000;
/** The lines of the roll call. */
const ROLL_BYTES = 32;

export function talkerName(index: number): string {
  return `steady${index}`;
}

class SteadyCrowd {
  readonly #transcript = new Transcript();
  #listeners: Client[] = [];
  #talkers: Seat[] = [];
  #hushed = false;
  /** Whether everything has been heard, so that the room may close. */
  #mayEnd = false;

  /** Has everybody join before anybody speaks. */
  async gather({ port, listeners, talkers }: CrowdPlan): Promise<void> {
    // One of the listeners calls the roll, and then listens like the others.
    const caller = writeScript(DIALECTS.plain, 0, ROLL_BYTES, 1);
    this.#listeners = await gatherCrowd({
      ...{ port, tls: false, dialect: DIALECTS.plain, lineBytes: ROLL_BYTES },
      scripts: [caller],
      listeners: listeners - 1,
      onHear: (client, bytes) => this.#hear(client, bytes),
      onClose: (_client, reason) => this.#close(reason),
    });
    for (const listener of this.#listeners) listener.receiver = this.#transcript.newReceiver();
    for (let index = 0; index < talkers; index++)
      this.#talkers.push(await Seat.join(port, talkerName(index)));
    for (const { name, left } of this.#talkers)
      void left.then((ending) => this.#close(`${name} left by ${ending}`));
  }

  /** Talks until hushed; then tells how much each has said. */
  async talk(random: Random): Promise<number[]> {
    const dawdler = new Random(random.below(2 ** 32));
    await Promise.all([
      this.#dawdle(dawdler),
      ...this.#talkers.map((seat) => this.#say(seat, random)),
    ]);
    return this.#talkers.map(({ said }) => said);
  }

  hush(): void {
    this.#hushed = true;
  }

  get deliveries(): number {
    let lines = 0;
    for (const { receiver } of this.#listeners) lines += receiver?.lines ?? 0;
    for (const { heard } of this.#talkers) lines += heard.lines;
    return lines;
  }

  /** Waits until everybody has heard everything; returns how many lines some of them are still missing. */
  async missing(lines: number): Promise<number> {
    const count = () => {
      const listeners = this.#listeners.map(({ receiver }) =>
        Math.abs(lines - (receiver?.lines ?? 0)),
      );
      const talkers = this.#talkers.map(({ heard, said }) => Math.abs(lines - said - heard.lines));
      return [...listeners, ...talkers].reduce((sum, each) => sum + each, 0);
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

  /** Waits until the room has closed for everybody. */
  async dissolve(): Promise<void> {
    for (const { name, left, heard } of this.#talkers) {
      demand((await left) === "end of input", `${name} was reset`);
      demand(heard.fault === undefined, `${name} heard ${heard.fault}`);
    }
    while (this.#listeners.some(({ closed }) => !closed)) await Bun.sleep(10);
  }

  /** One listener after the other stops reading for a while, so that the room has to wait for it. */
  async #dawdle(random: Random): Promise<void> {
    while (!this.#hushed) {
      const { hearing } = random.pick(this.#listeners);
      hearing?.pause();
      await Bun.sleep(random.below(DAWDLE_MS));
      hearing?.resume();
    }
  }

  async #say(seat: Seat, random: Random): Promise<void> {
    for (let batch = 1; !this.#hushed; batch++) {
      await seat.hears(PACEMAKER, batch);
      for (let left = BATCH_LINES; left > 0;) {
        const lines = Math.min(left, random.between(1, WRITE_LINES_MAX));
        await seat.say(lines, random.below(PADDING_BYTES_MAX));
        left -= lines;
        await new Promise((resolve) => setImmediate(resolve));
        while (this.#transcript.lagBytes > LAG_BYTES_MAX) await Bun.sleep(1);
      }
      demand(seat.heard.fault === undefined, `${seat.name} heard ${seat.heard.fault}`);
    }
  }

  #hear({ receiver }: Client, bytes: Buffer): void {
    try {
      receiver?.hear(bytes, () => {});
    } catch (error) {
      fail(error);
    }
  }

  #close(reason: string): void {
    if (!this.#mayEnd) fail(new Error(`a steady member was disconnected: ${reason}`));
  }
}

function tell(message: FromCrowd): void {
  process.send?.(message);
}

/** Says what went wrong, and ends the process. */
function fail(error: unknown): void {
  tell({ kind: "problem", problem: error instanceof Error ? error.message : String(error) });
  process.disconnect?.();
  process.exit(1);
}

async function main(plan: CrowdPlan): Promise<void> {
  const crowd = new SteadyCrowd();
  const { promise: dissolved, resolve } = Promise.withResolvers<void>();
  await crowd.gather(plan);
  process.on("message", (message: ToCrowd) => {
    if (message.kind === "hush") return crowd.hush();
    void crowd.missing(message.lines).then((missing) => {
      tell({ kind: "account", deliveries: crowd.deliveries, missing });
      resolve();
    });
  });
  process.on("disconnect", () => process.exit(1));
  const reporting = setInterval(
    () => tell({ kind: "progress", deliveries: crowd.deliveries }),
    PROGRESS_MS,
  );
  tell({ kind: "ready" });
  tell({ kind: "silent", said: await crowd.talk(new Random(plan.seed)) });
  await dissolved;
  clearInterval(reporting);
  await crowd.dissolve();
}

if (import.meta.main)
  await main(JSON.parse(process.argv[2] ?? "{}")).then(() => process.exit(0), fail);
