/** What a peer sends: perhaps a pass phrase or a name, then lines without end. */

import { OTHER_STARTS } from "./first-line.ts";
import type { Model } from "./model.ts";
import { chooseName } from "./naming.ts";
import type { Random } from "./random.ts";
import type { Talk, Weather } from "./rules.ts";
import type { Seat } from "./seat.ts";
import { writeTelnet } from "./telnet.ts";

const LF = 0x0a;

/** What a connection shares with all others. */
export interface Network {
  readonly model: Model;
  readonly random: Random;
  readonly weather: Weather;
  readonly talk: Talk;
  readonly trace: ((event: string) => void) | undefined;
}

export class PeerLines {
  readonly #network: Network;
  readonly #isTelnet: boolean;
  /** What the peer is about to send, and what it calls itself. */
  #unsent: Uint8Array = new Uint8Array(0);
  #ownName = "";
  readonly #isShort: boolean;

  /** @param isTelnet whether it comes by telnet, with commands among its lines */
  constructor(network: Network, seat: Seat, isTelnet: boolean) {
    const { random, weather, model } = network;
    const { passPhrase } = model.state;
    this.#network = network;
    this.#isTelnet = isTelnet;
    const isOther = random.chance(weather.speaksAnother);
    if (isOther) this.#unsent = Buffer.from(random.pick(OTHER_STARTS), "latin1");
    else if (passPhrase !== undefined) this.#unsent = this.#firstLine(passPhrase);
    // One that sends no more than its pass phrase or a request need not end that line.
    this.#isShort = isOther ? random.chance(300) : passPhrase !== undefined && random.chance(30);
    if (this.#isShort) this.#unsent = this.#unsent.subarray(0, -1);
    if (model.state.rules.names && !this.#isShort) this.#chooseName(seat);
    if (isTelnet) this.#unsent = writeTelnet(random, this.#unsent);
  }

  /** What it sends for a pass phrase. */
  #firstLine(passPhrase: string): Buffer {
    const { random, weather } = this.#network;
    const right = Buffer.from(`${passPhrase}${random.pick(["", "", "\r"])}\n`, "latin1");
    if (random.chance(weather.goodPassPhrase)) return right;
    return random.pick([
      right.subarray(1),
      Buffer.concat([right.subarray(0, -1), right]),
      Buffer.alloc(1500, "long"),
      Buffer.from("\n"),
    ]);
  }

  /** Some bytes of a stream of lines, cut anywhere; none at its end, which few streams have. */
  next(length: number): Uint8Array {
    while (!this.#isShort && this.#unsent.length < length)
      this.#unsent = Buffer.concat([this.#unsent, this.#asSent(this.#nextLine())]);
    const chunk = new Uint8Array(this.#unsent.subarray(0, length));
    this.#unsent = this.#unsent.subarray(length);
    return chunk;
  }

  #asSent(line: Buffer): Buffer {
    return this.#isTelnet ? writeTelnet(this.#network.random, line) : line;
  }

  #nextLine(): Buffer {
    const { random, model } = this.#network;
    if (model.state.rules.names && random.chance(200)) return this.#nextNamed();
    const line = Buffer.alloc(this.#lineLength() + 1, LF);
    const first = random.below(256);
    for (let at = 0; at < line.length - 1; at++) {
      const byte = (first + at * 37) & 0xff;
      // A byte FF would not get to clients of telnet.
      const isLeftOut = byte === LF || (byte === 0xff && model.state.rules.telnet);
      line[at] = isLeftOut ? 0x0d : byte;
    }
    return line;
  }

  /** What is about names: one's own before a line, that of another, or what would hide it. */
  #nextNamed(): Buffer {
    const { random, model } = this.#network;
    const own = `${this.#ownName}: `;
    const longest = "z".repeat(model.state.rules.lineBytesMax - 1);
    const line = random.pick([
      ...[
        own,
        `${own}${own}`,
        `x${own}${own}x`,
        `${own}${longest}`,
        "* bob left",
        "bob: ",
        "x",
        "\r\r",
        "\u009b2K",
      ],
      ...["\r\x1b[2Kbob: hello\r", "\x7f\t\0\u00a0\u00bf", longest.replaceAll("z", "\x1b")],
    ]);
    return Buffer.from(`${line}\n`);
  }

  /** Without the LF. */
  #lineLength(): number {
    const { random, weather, talk, model } = this.#network;
    const longest = model.state.rules.lineBytesMax - 1;
    if (random.chance(weather.tooLong)) return longest + random.between(1, 3);
    if (talk === "terse") return Math.min(longest, random.below(3));
    if (talk === "long") return Math.max(0, longest - random.below(4));
    return random.below(Math.min(longest, 40) + 1);
  }

  /** The peer has a certificate, or sends its name next. */
  #chooseName(seat: Seat): void {
    const { random, weather, model } = this.#network;
    const name = chooseName(random, weather.badName, model.state.rules.certified);
    this.#ownName = name;
    if (model.state.rules.certified) {
      seat.certificate = { name, fingerprint: `${name} ${Number(random.chance(200))}` };
    } else {
      const line = random.pick([name, `${name}\r`, `  ${name} `, `${name}: hello`, `${name}: `]);
      this.#unsent = Buffer.concat([this.#unsent, Buffer.from(`${line}\n`)]);
    }
  }
}
