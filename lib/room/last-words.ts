/**
 * The server's last words: what it says to a client, as a line that begins with `* `, just before
 * it disconnects it. All of them are made here, and recognised here by the client.
 */

export const ROOM_IS_FULL = "room is full";
export const WRONG_PASS_PHRASE = "wrong pass phrase";
export const SPEAKS_TLS = "speaks TLS, this port does not";

/** @param address numeric */
export const notAllowedFrom = (address: string) => `not allowed from ${address}`;
/** @param address numeric */
export const tooManyFrom = (address: string) => `too many connections from ${address}`;
/** @param time as a person writes it, `10s` */
export const noPassPhraseWithin = (time: string) => `no pass phrase within ${time}`;
/** @param time as a person writes it, `5m` */
export const idleFor = (time: string) => `idle for ${time}`;
export const longerThan = (bytes: number | string) => `line longer than ${bytes} bytes`;

/** The line that says a word. */
export const lastLine = (word: string) => `* ${word}\n`;

/** What a client knows of the word that ended its connection. */
export interface LastWord {
  readonly word: string;
  /** Whether another try would come to the same: somebody has to change something first. */
  readonly permanent: boolean;
}

const ADDRESS = "[\\da-f.:]+(?:%[^\\s%]+)?";
const TIME = "\\d+(?:\\.\\d+)?(?:ms|s|m|h)";

/** Each word as a regular expression, and whether it is permanent. */
const SHAPES: readonly (readonly [shape: string, permanent: boolean])[] = [
  [ROOM_IS_FULL, false],
  [notAllowedFrom(ADDRESS), false], // A client moves, and has another address then.
  [tooManyFrom(ADDRESS), false],
  [WRONG_PASS_PHRASE, true],
  [noPassPhraseWithin(TIME), true], // A client that knows it says it at once.
  [longerThan("\\d+"), false], // The next line may be shorter.
  [idleFor(TIME), false],
  [SPEAKS_TLS, true],
];

/** No last word is longer, in bytes, its `* ` and LF included. */
export const LAST_LINE_BYTES_MAX = 128;

/**
 * Recognises a last word by its exact shape; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function lastWordOf(line: string): LastWord | undefined {
  if (!line.startsWith("* ")) return undefined;
  const word = line.slice(2);
  const known = SHAPES.find(([shape]) => new RegExp(`^${shape}$`).test(word));
  return known && { word, permanent: known[1] };
}
