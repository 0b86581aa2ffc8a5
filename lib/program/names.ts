/** Names of members: what may be one, which are the same to a reader, and how one is asked for. */

import { serverMessage } from "./server-messages.ts";

/** How long a name may be, in characters. */
export const NAME_LENGTH_MAX = 32;

/**
 * No colon, no white space, nothing that is not seen or turns the text around it: \p{C}, \p{Z}, \p{DI}
 * (Default_Ignorable_Code_Point), and what no property tells of: the blank of Braille, the joiners of
 * Tifinagh and Brahmi, blanks of hieroglyphs, the filler of Khitan, a notehead of music that is none.
 * U+FFFC and U+FFFD stand for something else, such as bytes that are no UTF-8. No mark at the start
 * that would go onto what stands before it, nor one of another script than its letter, which a font
 * does not show there, such as the invisible signs of Khmer.
 */
const NAME =
  /^(?!\p{M}|.*[\p{sc=Latn}\p{sc=Zyyy}][\p{M}--[\p{sc=Latn}\p{sc=Zyyy}\p{sc=Zinh}]])[^:\p{C}\p{Z}\p{DI}\u2800\u2d7f\ufffc\ufffd\u{1107f}\u{13440}-\u{13442}\u{16fe4}\u{1d159}]{1,32}$/v;

/** Whether a text can be a name, also in the normal form in which it is compared. */
export function isName(text: string): boolean {
  return NAME.test(text) && NAME.test(text.normalize("NFKC"));
}

/**
 * Names with the same key are the same to a reader: compared without case and in Unicode normal
 * form. What only looks alike, as a Cyrillic `а` does, is not the same.
 */
export function nameKey(name: string): string {
  // ASCII is in its normal form; and a name of small letters is its own key, so it is kept once.
  if (/^[!-~]*$/.test(name)) return name.toLowerCase();
  // Twice, because a capital may be written with two letters where its small form is one: ẞ, ß, ss.
  return fold(fold(name));
}

function fold(text: string): string {
  return text.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/** A pattern of what `askForName` makes, without its LF. */
export const ASK_FOR_NAME = String.raw`\* say your name first(?: \(here: .+\))?`;

/**
 * What a client receives first, with its LF, where a name is asked for: it disconnects nobody.
 *
 * @param names of some that are here
 * @param more how many are here besides
 */
export function askForName(names: readonly string[], more: number): string {
  const here = names.join(", ") + (more > 0 ? ` and ${more} more` : "");
  return serverMessage(`say your name first${here && ` (here: ${here})`}`);
}
