/** What a peer says: perhaps a pass phrase, then lines without end. */

import type { Network } from "./network.ts";

const LF = 0x0a;
/** The first bytes of a TLS connection, and more. */
const CLIENT_HELLO = [22, 3, 1, 0, 9, 1, 0, 0, 5, 3, 3, LF, 1, 2, LF];

export class Speech {
  readonly #network: Network;
  /** What the peer is about to say. */
  #unsent: Uint8Array = new Uint8Array(0);

  constructor(network: Network) {
    const { random, weather, model } = network;
    const { passPhrase } = model.state;
    this.#network = network;
    if (random.chance(weather.opensTls)) this.#unsent = Buffer.from(CLIENT_HELLO);
    else if (passPhrase !== undefined) this.#unsent = this.#firstLine(passPhrase);
  }

  /** What it says for a pass phrase. */
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

  /** Some bytes of an endless stream of lines, cut anywhere. */
  next(length: number): Uint8Array {
    while (this.#unsent.length < length)
      this.#unsent = Buffer.concat([this.#unsent, this.#nextLine()]);
    const chunk = new Uint8Array(this.#unsent.subarray(0, length));
    this.#unsent = this.#unsent.subarray(length);
    return chunk;
  }

  #nextLine(): Buffer {
    const line = Buffer.alloc(this.#lineLength() + 1, LF);
    const first = this.#network.random.below(256);
    for (let at = 0; at < line.length - 1; at++) {
      const byte = (first + at * 37) & 0xff;
      line[at] = byte === LF ? 0x0d : byte;
    }
    return line;
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
}
