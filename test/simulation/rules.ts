/** What a world is like: the options of its server, its network, and what happens how often. */

import type { Random } from "./random.ts";

/** A name of 32 characters of 4 bytes, and `: `. */
export const PREFIX_BYTES_MAX = 130;
/** A log of more than this is one of the few that are large enough to be gathered from in parts. */
const LARGE_BYTES = 256 << 10;
/** One of more than this can owe a reader more than it has to take in a time. */
const MIDDLE_BYTES = 70 << 10;

/** The options of a server, all of them given. */
export type Rules = Readonly<ReturnType<typeof chooseRules>>;

/** How a network and its peers behave; chances are per mille. */
export type Weather = Readonly<ReturnType<typeof chooseWeather>>;

/** What can happen, and how often: the weights are chosen for each world. */
type Weights = Readonly<ReturnType<typeof chooseWeights>>;
export type Event = keyof Weights;

/** How a peer reads: what comes, a little at a time, a byte now and then, all after a while, or not at all. */
export type Reading = "fast" | "slow" | "drip" | "in bursts" | "not at all";

/** How long the lines of a peer are, mostly. */
export type Talk = "terse" | "mixed" | "long";

/** Where peers come from, as a socket names it; the first and the last are one address. */
export const ADDRESSES = ["10.0.0.1", "10.0.0.2", "2001:db8::7", "::ffff:10.0.0.1"] as const;

const READINGS: readonly (readonly Reading[])[] = [
  ["fast"],
  ["fast", "fast", "fast", "slow"],
  ["fast", "fast", "slow", "in bursts", "not at all"],
  ["slow", "in bursts"],
  ["fast", "slow", "drip"],
  ["fast", "not at all"],
];

/** In a large world readers are to be slow in a way that matters there. */
const LARGE_READINGS: readonly (readonly Reading[])[] = [
  ["fast"],
  ["slow"],
  ["fast", "slow"],
  ["fast", "slow", "drip", "not at all"],
];

/** All that is chosen for a world before it begins. */
export type Choices = Readonly<ReturnType<typeof choose>>;

/** How often in a large world, where much has to be read while members leave. */
const LARGE_WEIGHTS = { connect: 100, send: 500, finish: 10, deliverFin: 60, time: 60 };

export function choose(random: Random) {
  const rules = chooseRules(random);
  const { logBytes } = rules;
  const isLarge = logBytes > MIDDLE_BYTES;
  return {
    rules,
    weather: chooseWeather(random, isLarge),
    weights: { ...chooseWeights(random), ...(isLarge && LARGE_WEIGHTS) },
    talk: isLarge ? "long" : random.pick<Talk>(["terse", "mixed", "mixed", "long"]),
    readings: random.pick(isLarge ? LARGE_READINGS : READINGS),
    /** How many events happen, and how many peers there may be. */
    steps: isLarge ? 250 : random.pick([30, 60, 120, 250]),
    peersMax: random.between(2, 14),
    /** How many bytes may lie between a socket and its peer. */
    inFlightMax: random.pick(isLarge ? [logBytes >> 2, logBytes] : [1, 7, 40, 300, logBytes]),
  };
}

/** What has to fit into a line where who comes and goes is told. */
const NOTICE_BYTES = 90;

function chooseRules(random: Random) {
  const large = random.below(25) === 0;
  const announce = random.chance(300);
  const logBytes = large
    ? random.pick([MIDDLE_BYTES, 2 * MIDDLE_BYTES, LARGE_BYTES]) + random.below(MIDDLE_BYTES)
    : random.pick(announce ? [100, 300, 900] : [8, 40, 100, 300, 900]) + random.below(60);
  const lineBytesMax = large
    ? 16 << random.between(9, 11)
    : Math.min(
        logBytes,
        random.pick(announce ? [NOTICE_BYTES, 200] : [1, 5, 16, 60, 200, logBytes]),
      );
  const patienceMs = random.pick(large ? [50, 100, 250, 1000] : [0, 1, 50, 100, 250, 1000, 10_000]);
  const readBytesMax = large ? 64 << 10 : random.pick([3, 20, 80, 2 * logBytes]);
  const telnet = readBytesMax <= 80 && random.chance(200);
  const entrance = chooseEntrance(random, telnet);
  const names = lineBytesMax >= 16 && random.chance(400);
  // Each byte may be a control character, which is shown as two.
  const addedBytesMax = names ? lineBytesMax + PREFIX_BYTES_MAX : 0;
  const rules = {
    logBytes: logBytes + addedBytesMax,
    lineBytesMax,
    addedBytesMax,
    names,
    telnet,
    /** Whether names are those of certificates. */
    certified: names && entrance.handshake && random.chance(700),
    patienceMs,
    // With no time at all, a member that leaves would be dropped before it is written to.
    lingerMs: random.pick([patienceMs === 0 ? 10 : 0, 1, 100, 2000]),
    // What arrives at once is sent within a minute.
    linesPerSecond: large
      ? undefined
      : random.pick([undefined, undefined, readBytesMax > 80 ? 50 : 2, 1000]),
    idleMs: large ? undefined : random.pick([undefined, undefined, 40, 300, 2000]),
    /** The most bytes that arrive at once. */
    readBytesMax,
    ...entrance,
    /** Whether there are join and leave notices, how much a newcomer gets of history, and whether there is a bot. */
    announce,
    history: random.chance(400) ? chooseHistory(random, logBytes) : undefined,
    bot: random.chance(300),
  };
  const { bytes = 0, passingBytes = 0 } = rules.history ?? {};
  const keptBytes = bytes + passingBytes;
  /** How much the log keeps of what everybody has, and how much it holds in all. */
  return { ...rules, keptBytes, ringBytes: rules.logBytes + keptBytes };
}

/** Less than the log, or more of it, by its size or by lines. */
function chooseHistory(random: Random, logBytes: number) {
  const bytes = random.pick([1, 10, logBytes >> 1, logBytes, 3 * logBytes]) + random.below(5);
  const lines = random.pick([undefined, 1, 2, 5, 30]);
  return { bytes, lines, passingBytes: random.pick([0, 30, 300, logBytes]) };
}

function chooseEntrance(random: Random, isTelnet: boolean) {
  const unix = random.chance(100);
  const hasRules = !unix && random.chance(250);
  return {
    unix,
    clientsMax: random.chance(30) ? Number.POSITIVE_INFINITY : random.between(1, 8),
    lingerersMax: random.between(1, 4),
    clientsPerAddressMax: !unix && random.chance(300) ? random.between(1, 4) : undefined,
    deny: hasRules && random.chance(600) ? [random.pick(["10.0.0.1", "10.0.0.2"])] : undefined,
    allow: hasRules && random.chance(500) ? ["10.0.0.1", "2001:db8::7"] : undefined,
    handshake: random.chance(250),
    passPhrase: random.chance(250) ? choosePassPhrase(random, isTelnet) : undefined,
    arrivalMs: random.pick([1, 50, 300, 2000, 10_000]),
  };
}

/** One of any length that is allowed, of any bytes that are. */
export function choosePassPhrase(random: Random, isTelnet: boolean): string {
  const length = random.pick([1, 4, 12, 12, 12, 1024]);
  const text = `${random.below(1000)} seven\x00${isTelnet ? "" : "\xff"}`;
  return Buffer.alloc(length, text, "latin1").toString("latin1");
}

function chooseWeather(random: Random, isLarge: boolean) {
  return {
    /** A socket takes less than it could. */
    shortWrite: random.pick([0, 100, 500]),
    /** A connection is lost inside a `write`. */
    lossInWrite: random.pick([0, 0, 10, 60]),
    /** A socket does not take all of its greeting. */
    shortGreeting: random.pick([0, 0, 50]),
    /** A `close` that nobody has called for comes inside the call that caused it. */
    closeAtOnce: random.pick([0, 300, 1000]),
    /** Over TLS, a connection that the server closes waits for its peer. */
    closeLater: random.pick([0, 500]),
    /** A peer that gets EOF closes too. */
    politePeer: random.pick([0, 300, 900, 1000]),
    /** A peer has a name that is none. */
    badName: random.pick([0, 100, 500]),
    /** A line passes the limit. */
    tooLong: random.pick([0, 0, 5, 40]),
    /** A peer has reset before it is accepted, and has no address any more. */
    noAddress: random.pick([0, 0, 100]),
    /** A handshake succeeds; a peer knows the pass phrase. */
    goodHandshake: random.pick([500, 900, 1000]),
    goodPassPhrase: random.pick([300, 800, 1000]),
    /** A peer begins as another protocol does, or nearly so. */
    speaksAnother: random.pick([0, 0, 50, 300]),
    /** A peer comes by WebSocket, where that can be. */
    web: random.pick([0, 0, 300, 1000]),
    /** The most bytes a slow peer takes at once. */
    slowBytesMax: isLarge ? random.pick([8, 40_000, 80_000, 100_000]) : 8,
  };
}

function chooseWeights(random: Random) {
  return {
    connect: random.pick([30, 100]),
    shakeHands: random.pick([10, 100, 300]),
    send: random.pick([50, 200, 500]),
    finish: random.pick([0, 3, 15]),
    deliverFin: random.pick([5, 30]),
    break: random.pick([0, 3, 15]),
    fail: random.pick([0, 0, 3]),
    read: random.pick([30, 100, 300]),
    drain: random.pick([30, 100]),
    drainForNothing: random.pick([0, 5]),
    close: random.pick([3, 30]),
    answer: random.pick([5, 30]),
    change: random.pick([0, 10]),
    renew: random.pick([0, 0, 10]),
    botSend: random.pick([0, 0, 30]),
    disconnect: random.pick([0, 0, 10]),
    turn: random.pick([50, 200, 500]),
    time: random.pick([20, 100]),
    stop: random.pick([0, 0, 3, 20]),
  };
}
