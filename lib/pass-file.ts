/** A pass phrase, kept in a file so that it shows neither on a command line nor in a log. */

import { readText } from "./read-text.ts";
import { UserError } from "./user-error.ts";

/** The longest pass phrase, in bytes. */
export const PASS_PHRASE_BYTES_MAX = 1024;

/**
 * Reads the one line of a file.
 *
 * @returns the line, without its line end
 * @throws {UserError} when there is no such line
 */
export function readPassFile(file: string): Uint8Array {
  const phrase = readText(file).replace(/\r?\n$/, "");
  const bytes = new TextEncoder().encode(phrase);
  if (bytes.length === 0 || /[\r\n]/.test(phrase) || bytes.length > PASS_PHRASE_BYTES_MAX)
    throw new UserError(`${file} is to hold one line of 1 to ${PASS_PHRASE_BYTES_MAX} bytes`);
  return bytes;
}
