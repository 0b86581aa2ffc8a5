/**
 * The server's last words: what it says to a client, as a line that begins with `* `, just before
 * it disconnects it. All of them are made here, and recognised here by the client.
 */

export const ROOM_IS_FULL = "room is full";
export const WRONG_PASS_PHRASE = "wrong pass phrase";
export const NO_PROXY_HEADER = "no PROXY header";
export const MALFORMED_PROXY_HEADER = "malformed PROXY header";
export const SPEAKS_TLS = "speaks TLS, this port does not";

/** Several servers share the room, and this one cannot know what was said at the others. */
export const LOST_THREAD = "this server has lost the thread of the room";

/** @param address numeric */
export const notAllowedFrom = (address: string) => `not allowed from ${address}`;
/** @param address numeric */
export const tooManyFrom = (address: string) => `too many connections from ${address}`;
/** @param time as a person writes it, `10s` */
export const noPassPhraseWithin = (time: string) => `no pass phrase within ${time}`;
/** @param time as a person writes it, `10s` */
export const noProxyHeaderWithin = (time: string) => `${NO_PROXY_HEADER} within ${time}`;
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
  [LOST_THREAD, false],
  [NO_PROXY_HEADER, true],
  [MALFORMED_PROXY_HEADER, true],
  [noProxyHeaderWithin(TIME), true],
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
