/** What a world of several servers is like, how often what happens there, and what its servers see of it. */

import { PREFIX_BYTES_MAX } from "../../../lib/extras/names/names.ts";
import type { Random } from "../random.ts";
import type { SimulatedStream } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** What happens, and how often. */
const TRAFFIC = { speak: 300, turn: 300, drain: 100, work: 400, answer: 400, time: 150 };
const VISITS = { connect: 60, finish: 20, break: 10 };
/** In some worlds. */
const STREAM_FAULTS = { standStill: 3, fill: 3, forget: 6, jump: 3 };
const SERVER_FAULTS = { cut: 8, mute: 4, sleep: 3, die: 1, stop: 2 };
const EVENTS = { ...TRAFFIC, ...VISITS };
const FAULTS = { ...STREAM_FAULTS, ...SERVER_FAULTS };

export type Event = keyof typeof EVENTS | keyof typeof FAULTS;
export type SharedRules = ReturnType<typeof chooseRules>;

/** The events of a world, each as often as it has weight. */
export function chooseEvents(random: Random): readonly (readonly [Event, weight: number])[] {
  const isWild = random.chance(700);
  const faults = Object.entries(FAULTS).filter(() => isWild && random.chance(400));
  return [...Object.entries(EVENTS), ...faults] as [Event, number][]; // keys of these two
}

export function chooseRules(random: Random) {
  const lineBytesMax = random.pick([20, 40, 100]);
  const names = random.chance(300);
  const saidBytesMax = names ? 2 * lineBytesMax + PREFIX_BYTES_MAX : lineBytesMax;
  return {
    lineBytesMax,
    names,
    announce: random.chance(300),
    /** The longest line in the log. */
    saidBytesMax,
    logBytes: saidBytesMax * random.pick([1, 3, 20]),
    patienceMs: random.pick([100, 2000, 60_000]),
    lingerMs: 500,
    kept: {
      bytes: random.pick([1_000, 10_000, 1_000_000]),
      ms: random.pick([3_000, 20_000, 60_000]),
      historyBytes: random.pick([0, 0, 60, 300, 3_000]),
    },
    historyLines: random.pick([NEVER, 3]),
    noticesBytes: random.pick([0, 200]),
    takenBytesMax: saidBytesMax * random.pick([2, 4, 10]),
    /** How many bytes a new socket takes. */
    space: random.pick([0, 30, 500, NEVER]),
    /** How many entries come with one answer. */
    entriesMax: random.pick([1, 3, 32]),
    /** By how much time goes on at once. */
    timesMs: random.pick([
      [1, 10, 100, 300, 1000, 2000],
      [1, 10, 50, 200],
    ]),
    steps: random.pick([200, 600, 1500]),
  };
}

/** What a server sees of its world. */
export interface Surroundings {
  readonly random: Random;
  readonly rules: SharedRules;
  readonly stream: SimulatedStream;
  readonly now: number;
  readonly trace: ((event: string) => void) | undefined;
  saw(what: string, times?: number): void;
  /** Something is seen, and told. */
  happens(what: string, where?: string, details?: string): void;
  /** A server has this one considered down. */
  dropped(name: string): void;
}
