/** `--names`: what is a name, and what a member sends with its name before it. */

import type { Random } from "./random.ts";

const NAMES = ["ann", "Ann", "bob", "BOB", "zoë", "ZOE\u0308", "😀", "*"] as const;
const NO_NAMES = [
  "",
  " ",
  "a b",
  "a:b",
  "x".repeat(33),
  "x".repeat(1100),
  "a\u200bb",
  "a\u{1d159}",
  "\u202ebob",
] as const;

/** A name for a peer, which it sends, or has in its certificate: of these there are few, so that some come again. */
export function chooseName(random: Random, badName: number, certified: boolean): string {
  if (random.chance(badName)) return random.pick(NO_NAMES);
  return random.pick(certified ? NAMES.slice(0, 3) : NAMES);
}

/** A line of a member with a name, or without, as it is relayed. */
export function asRelayed(name: string | undefined, line: Uint8Array): Uint8Array {
  if (name === undefined) return line;
  const own = prefixOf(name);
  const text = Buffer.from(line).toString("latin1");
  const sent = text.startsWith(own) ? text.slice(own.length) : text;
  const end = /\r?\n$/.exec(sent)?.[0] ?? "";
  return Buffer.from(own + show(sent.slice(0, sent.length - end.length)) + end, "latin1");
}

/** How much of what has come of a line counts in its length: all but its sender's name before it. */
export function countedBytes(name: string | undefined, line: Buffer): number {
  if (name === undefined) return line.length;
  const [own, text] = [prefixOf(name), line.toString("latin1")];
  if (text.startsWith(own)) return text.length - own.length;
  return own.startsWith(text) ? 0 : text.length;
}

/** As UTF-8, a byte to a character. */
function prefixOf(name: string): string {
  return Buffer.from(`${name}: `).toString("latin1");
}

/** What acts on a terminal, in a form that does not, and the rest. */
function show(text: string): string {
  const ofC1 = (_: string, byte: string) => `^[${String.fromCharCode(byte.charCodeAt(0) - 0x40)}`;
  const ofC0 = (byte: string) =>
    `^${byte === "\x7f" ? "?" : String.fromCharCode(byte.charCodeAt(0) + 0x40)}`;
  return text.replace(/\xc2([\x80-\x9f])/g, ofC1).replace(/[\0-\x08\n-\x1f\x7f]/g, ofC0);
}

/** Good enough for the names that peers have here, or parts of them. */
export function isName(name: string): boolean {
  return (
    [...name].length <= 32 && /^[^\s:\0-\x1f\x7f-\x9f\u200b\u202e\ufffd\u{1d159}]+$/u.test(name)
  );
}

/** The same for names that are one. */
export function keyOf(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
