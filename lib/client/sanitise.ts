/** Makes what others say safe to show: nobody but this program gives orders to this terminal. */

/** Shows a character that would act on a terminal; told its visible form, such as `^[`. */
export type Mark = (visible: string) => string;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * All that acts on a terminal instead of being shown: C0 controls but LF and
 * TAB, DEL and C1 controls, line and paragraph separators, what overrides or
 * isolates the direction of the text around it, interlinear annotations, and
 * halves of surrogate pairs. Left alone are the marks that Arabic and Hebrew
 * are written with (U+200E, U+200F, U+061C): they move nothing but themselves.
 */
const HOSTILE =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]|\p{Surrogate}/gu;

/** Runs of valid UTF-8, one byte to a character, as RFC 3629, section 4 defines it; else one byte. */
const VALID_RUN_OR_BYTE = new RegExp(
  `((?:${[
    "[\\0-\\x7f]+",
    "[\\xc2-\\xdf][\\x80-\\xbf]",
    "\\xe0[\\xa0-\\xbf][\\x80-\\xbf]",
    "[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}",
    "\\xed[\\x80-\\x9f][\\x80-\\xbf]",
    "\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}",
    "[\\xf1-\\xf3][\\x80-\\xbf]{3}",
    "\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}",
  ].join("|")})+)|[\\x80-\\xff]`,
  "g",
);

/**
 * Text that a terminal shows and does not obey. Visible forms are those of
 * `cat -v` and `less`: `^[` for a control, `<U+202E>` for a character, `<9B>`
 * for a byte that is no UTF-8. The CR of a CR LF is left out: that is how
 * `telnet` ends a line.
 *
 * @param said whole lines, as bytes or as text
 * @param mark makes visible forms stand out, for instance by reverse video
 * @returns text without control characters but LF and TAB, and those of `mark`
 */
export function sanitise(said: Uint8Array | string, mark: Mark = (visible) => visible): string {
  if (typeof said === "string") return sanitiseText(said, mark);
  try {
    return sanitiseText(decoder.decode(said), mark);
  } catch {
    return Buffer.from(said)
      .toString("latin1")
      .replace(VALID_RUN_OR_BYTE, (byte, run: string | undefined) =>
        run === undefined
          ? mark(`<${hex(byte, 2)}>`)
          : sanitiseText(Buffer.from(run, "latin1").toString(), mark),
      );
  }
}

function sanitiseText(text: string, mark: Mark): string {
  return text.replace(HOSTILE, (character, offset: number) =>
    character === "\r" && text[offset + 1] === "\n" ? "" : mark(visibleForm(character)),
  );
}

function visibleForm(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x7f) return "^?";
  return code < 0x20 ? `^${String.fromCharCode(code + 0x40)}` : `<U+${hex(character, 4)}>`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(digits, "0");
}
