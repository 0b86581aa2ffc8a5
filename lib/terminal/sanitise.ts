/** Makes what others send safe to show: nobody but this program controls this terminal. */

import { isUtf8 } from "node:buffer";

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

/**
 * Text that a terminal shows and does not obey: its only controls are LF, TAB and those of `mark`.
 * Visible forms are those of `cat -v` and `less`: `^[` for a control, `<U+202E>` for a character,
 * `<9B>` for a byte that is no UTF-8. The CR of a CR LF, as `telnet` sends it, is left out.
 *
 * @param mark makes visible forms stand out, for instance by reverse video
 */
export function sanitise(lines: Uint8Array | string, mark = (visible: string) => visible): string {
  if (typeof lines === "string") return sanitiseText(lines, mark);
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  if (isUtf8(bytes)) return sanitiseText(bytes.toString(), mark);
  const byte = (one: string) => mark(`<${hex(one, 2)}>`);
  return bytes.toString("latin1").replace(CHARACTER_OR_BYTE, (one) => {
    const character = Buffer.from(one, "latin1");
    return isUtf8(character) ? sanitiseText(character.toString(), mark) : one.replace(/[^]/g, byte);
  });
}

function sanitiseText(text: string, mark: (visible: string) => string): string {
  return text.replace(HOSTILE, (character, offset: number) => {
    if (character === "\r" && text[offset + 1] === "\n") return "";
    const code = character.charCodeAt(0);
    if (code === 0x7f) return mark("^?");
    return mark(code < 0x20 ? `^${String.fromCharCode(code + 0x40)}` : `<U+${hex(character, 4)}>`);
  });
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(digits, "0");
}
