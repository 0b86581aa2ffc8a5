/**
 * What others send and what has happened, as a person is to see it: harmless, as nobody but this
 * program controls this terminal; in colours; and in time.
 */

import { isUtf8 } from "node:buffer";

import { type LocalSide, styleAt } from "../client/pipe.ts";
import { WholeLines } from "../client/whole-lines.ts";

/**
 * What acts on a terminal: C0 controls but LF and TAB, DEL and C1 controls, line and paragraph
 * separators, what overrides or isolates the direction of text, interlinear annotations, and halves
 * of surrogate pairs. The marks of Arabic and Hebrew (U+200E, U+200F, U+061C) move nothing else.
 */
const HOSTILE =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]|\p{Surrogate}/gu;

/** What has the length of a character in UTF-8, one byte to a character; or ASCII, or one byte. */
const CHARACTER_OR_BYTE =
  /[\0-\x7f]+|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}|[^]/g;

/** The name of the sender at the start of a line. */
const SENDER = /^([^\s:\p{C}]{1,32}):(?= |$)/u;
/** Scripts in which a name may touch the words around it, or an ending. */
const NO_SPACES = String.raw`\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{scx=Thai}`;
const LETTER = String.raw`[[\p{L}--[${NO_SPACES}]]\p{N}\p{M}_]`;

/** By their numbers of SGR: what can be read on black and on white, and on a dark background. */
const NAME_COLOURS = [31, 34, 35, 91, 94, 95];
const ON_DARK = [...NAME_COLOURS, 32, 33, 36, 92, 93, 96];
/** A longer silence is marked by the time at its end. */
const SILENCE_MS = 10 * 60_000;

const style = styleAt(1);
const colours = nameColours(process.env["COLORFGBG"]);

/** @param background as rxvt, Konsole and others set `COLORFGBG`: `15;0`, foreground and background */
export function nameColours(background = ""): readonly number[] {
  return /;(?:[0-6]|8)$/.test(background) ? ON_DARK : NAME_COLOURS;
}

/** What this program and the server report about themselves. */
export const dim = (text: string) => style(text, 2, 22);

/**
 * Text that a terminal shows and does not obey: its only controls are LF and TAB. Visible forms are
 * those of `cat -v` and `less`: `^[` for a control, `<U+202E>` for a character, `<9B>` for a byte
 * that is no UTF-8; a C1 control is the escape sequence that means the same. The CR of a CR LF, as
 * `telnet` sends it, is left out.
 */
export function harmless(lines: Uint8Array | string): string {
  if (typeof lines === "string") return lines.replaceAll("\r\n", "\n").replace(HOSTILE, visible);
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  if (isUtf8(bytes)) return harmless(bytes.toString());
  return bytes.toString("latin1").replace(CHARACTER_OR_BYTE, (one) => {
    const character = Buffer.from(one, "latin1");
    if (isUtf8(character)) return harmless(character.toString());
    return character.toString("hex").toUpperCase().replace(/../g, "<$&>");
  });
}

/** As on a keyboard, where Ctrl turns one bit of a letter over. */
function visible(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x80) return `^${String.fromCharCode(code ^ 0x40)}`;
  if (code < 0xa0) return `^[${String.fromCharCode(code ^ 0xc0)}`;
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** Whose line that is, as far as it begins with a name; a server message has no sender. */
export const senderOf = (line: string) => SENDER.exec(line)?.[1];

/**
 * A harmless line by its sender: always the same colour for the same name; one that mentions the user
 * is bold, a server message dim.
 */
export function bySender(line: string, isMention = false): string {
  if (line.startsWith("* ")) return dim(line);
  const name = senderOf(line) ?? "";
  const colour = colours[Bun.hash.crc32(name) % colours.length] ?? 39;
  const shown = (name && style(name, colour, 39)) + line.slice(name.length);
  return isMention ? style(shown, 1, 22) : shown;
}

/** What stands before a line of the user. */
export const promptOf = (name: string) => (name ? bySender(`${name}: `) : dim("> "));

/**
 * Tells lines that mention a name from others: they have it as a word, in capitals or not. The name
 * before a line is that of its sender; a server message mentions nobody, and no line an empty name.
 */
export function mentions(name: string): (line: string) => boolean {
  if (name === "") return () => false;
  const written = RegExp.escape(name.normalize());
  const word = new RegExp(`(?<!${LETTER})${written}(?!${LETTER})`, "iv");
  const sender = new RegExp(`^${written}:(?= |$)`, "iu");
  return (line) => !line.startsWith("* ") && word.test(line.normalize().replace(sender, ""));
}

/** Whole lines with their time before each of them, or else marked if they are first after a while. */
export function inTime(lines: string, time: Date, last: Date, isBeforeEach: boolean): string {
  const timeOfDay = time.toTimeString().slice(0, "14:05".length);
  if (isBeforeEach) return lines.replace(/^(?=[^])/gm, `${dim(timeOfDay)} `);
  const isNewDay = last.toDateString() !== time.toDateString();
  if (!isNewDay && time.getTime() - last.getTime() <= SILENCE_MS) return lines;
  const mark = isNewDay ? time.toLocaleDateString("en-GB", { dateStyle: "full" }) : timeOfDay;
  return `${dim(`— ${mark} —`)}\n${lines}`;
}

/**
 * The local side of a terminal that shows line after line and no prompt, as stdin is no terminal or
 * `TERM` is `dumb`: stdout gets whole lines of harmless text.
 */
export function showPlainly(pipe: LocalSide): LocalSide {
  const lines = new WholeLines();
  const show = async (run: Uint8Array | undefined, end = "") =>
    run === undefined ||
    pipe.show(Buffer.from(harmless(run).replace(/.+/g, (line) => bySender(line)) + end));
  return {
    ...pipe,
    show: (bytes) => show(lines.push(bytes)),
    async close() {
      await show(lines.end(), "\n");
      await pipe.close();
    },
  };
}
