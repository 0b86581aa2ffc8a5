/** What a peer sends: perhaps a pass phrase or a name, then lines without end. */

import { OTHER_STARTS } from "./first-line.ts";
import type { Model } from "./model.ts";
import { chooseName } from "./naming.ts";
import type { Random } from "./random.ts";
import type { Choices } from "./rules.ts";
import type { Seat } from "./seat.ts";
import { writeTelnet } from "./telnet.ts";

const LF = 0x0a;

/** What a connection shares with all others. */
export interface Network {
  readonly model: Model;
  readonly random: Random;
  readonly choices: Choices;
  readonly trace: ((event: string) => void) | undefined;
}

/**
 * What a peer sends, bit by bit.
 *
 * @param isTelnet whether it comes by telnet, with commands among its lines
 * @returns gives so many bytes of a stream of lines, cut anywhere; none at its end, which few streams have
 */
export function peerLines(
  { random, choices, model }: Network,
  seat: Seat,
  isTelnet: boolean,
): (length: number) => Uint8Array {
  const { rules, weather, talk } = choices;
  const { passPhrase } = model.state;
  const longest = rules.lineBytesMax - 1;
  const asSent = (line: Buffer) => (isTelnet ? writeTelnet(random, line) : line);
  const isOther = random.chance(weather.speaksAnother);
  let unsent: Buffer = Buffer.alloc(0);
  if (isOther) unsent = Buffer.from(random.pick(OTHER_STARTS), "latin1");
  else if (passPhrase !== undefined) unsent = choosePhrase(passPhrase);
  // One that sends no more than its pass phrase or a request need not end that line.
  const isShort = isOther ? random.chance(300) : passPhrase !== undefined && random.chance(30);
  if (isShort) unsent = unsent.subarray(0, -1);
  const ownName = rules.names && !isShort ? chooseOwnName() : "";
  unsent = asSent(unsent);

  return (length) => {
    while (!isShort && unsent.length < length) unsent = Buffer.concat([unsent, asSent(nextLine())]);
    const chunk = new Uint8Array(unsent.subarray(0, length));
    unsent = unsent.subarray(length);
    return chunk;
  };

  function choosePhrase(passPhrase: string): Buffer {
    const right = Buffer.from(`${passPhrase}${random.pick(["", "", "\r"])}\n`, "latin1");
    if (random.chance(weather.goodPassPhrase)) return right;
    return random.pick([
      right.subarray(1),
      Buffer.concat([right.subarray(0, -1), right]),
      Buffer.alloc(1500, "long"),
      Buffer.from("\n"),
    ]);
  }

  /** It has a certificate, or sends its name next. */
  function chooseOwnName(): string {
    const name = chooseName(random, weather.badName, rules.certified);
    if (rules.certified) {
      const fingerprint256 = `${name} ${Number(random.chance(200))}`;
      seat.certificate = { subject: { CN: name }, fingerprint256 };
    } else {
      const line = random.pick([name, `${name}\r`, `  ${name} `, `${name}: hello`, `${name}: `]);
      unsent = Buffer.concat([unsent, Buffer.from(`${line}\n`)]);
    }
    return name;
  }

  function nextLine(): Buffer {
    if (rules.names && random.chance(200)) return namedLine();
    const line = Buffer.alloc(lineLength() + 1, LF);
    const first = random.below(256);
    for (let at = 0; at < line.length - 1; at++) {
      const byte = (first + at * 37) & 0xff;
      // A byte FF would not get to clients of telnet.
      const isLeftOut = byte === LF || (byte === 0xff && rules.telnet);
      line[at] = isLeftOut ? 0x0d : byte;
    }
    return line;
  }

  /** Without the LF. */
  function lineLength(): number {
    if (random.chance(weather.tooLong)) return longest + random.between(1, 3);
    if (talk === "terse") return Math.min(longest, random.below(3));
    if (talk === "long") return Math.max(0, longest - random.below(4));
    return random.below(Math.min(longest, 40) + 1);
  }

  /** What is about names: one's own before a line, that of another, or what would hide it. */
  function namedLine(): Buffer {
    const own = `${ownName}: `;
    const long = "z".repeat(longest);
    const ofNames = [own, own + own, `x${own}${own}x`, own + long, "* bob left", "bob: ", "x"];
    const controls = ["\r\r", "\u009b2K", "\r\x1b[2Kbob: hello\r", "\x7f\t\0\u00a0\u00bf"];
    const line = random.pick([...ofNames, ...controls, "\x1b".repeat(longest)]);
    return Buffer.from(`${line}\n`);
  }
}
