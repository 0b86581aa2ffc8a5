/**
 * The server's last words: what it says to a client, as a line that begins with `* `, just before
 * it disconnects it. All of them are made here, and recognised here by the client; so are the two
 * other lines of the server's own that a client acts upon.
 */

export const ROOM_IS_FULL = "room is full";
export const WRONG_PASS_PHRASE = "wrong pass phrase";
export const NO_PROXY_HEADER = "no PROXY header";
export const MALFORMED_PROXY_HEADER = "malformed PROXY header";
export const SPEAKS_TLS = "speaks TLS, this port does not";
export const NOT_A_NAME = "a name is one word of 1 to 32 characters without a colon";
export const NO_NAME_CERTIFIED = "the certificate is for nobody: its common name is not one word";

/** Several servers share the room, and this one cannot know what was said at the others. */
export const LOST_THREAD = "this server has lost the thread of the room";
/** Nor can it know what is said there, until it has found the others again. */
export const NOT_IN_ROOM = "this server is not in the room at the moment";

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
export const nameTaken = (name: string) => `the name ${name} is taken`;
/** By a newcomer with the same certificate. */
export const takenOver = (name: string) => `the name ${name} was taken over`;

/** The line that says a word. */
export const lastLine = (word: string) => `* ${word}\n`;

/**
 * What a client hears first, with its LF, where names are to be said: no last word.
 *
 * @param names of some that are here
 * @param more how many are here besides
 */
export function sayYourName(names: readonly string[], more: number): string {
  const here = names.join(", ") + (more > 0 ? ` and ${more} more` : "");
  return `* say your name first${here && ` (here: ${here})`}\n`;
}

/** What a newcomer hears where history ends, if the room tells what happens in it. */
export const HISTORY_END = "* until here what was said before\n";

/** What a client knows by the word that ended its connection. */
export interface LastWord {
  readonly word: string;
  /** Whether the client was not let in: nothing of what it said was heard. */
  readonly refusal: boolean;
  /** Whether another try would come to the same, until somebody changes something. */
  readonly permanent: boolean;
}

/** Who a word is said to: a client that is not let in, or a member; now, or for good as it is. */
type Listener = "refused" | "refused for good" | "member" | "member for good";

const ADDRESS = "[\\da-f.:]+(?:%[^\\s%]+)?";
const TIME = "\\d+(?:\\.\\d+)?(?:ms|s|m|h)";
const NAME = "[^\\s:]{1,64}"; // A character may be a pair of surrogates.

/** The words, as regular expressions. */
const SHAPES: readonly (readonly [shape: string, to: Listener])[] = [
  [ROOM_IS_FULL, "refused"],
  [notAllowedFrom(ADDRESS), "refused"], // A client moves, and has another address then.
  [tooManyFrom(ADDRESS), "refused"],
  [WRONG_PASS_PHRASE, "refused for good"],
  [noPassPhraseWithin(TIME), "refused for good"], // Who knows it says it at once.
  [SPEAKS_TLS, "refused for good"],
  [NO_PROXY_HEADER, "refused for good"],
  [MALFORMED_PROXY_HEADER, "refused for good"],
  [noProxyHeaderWithin(TIME), "refused for good"],
  [NOT_A_NAME, "refused for good"],
  [NO_NAME_CERTIFIED, "refused for good"],
  [nameTaken(NAME), "refused"], // For a minute, if it was taken by one that has vanished.
  [takenOver(NAME), "member for good"], // Who comes back takes it over in turn.
  [longerThan("\\d+"), "member"],
  [idleFor(TIME), "member"],
  [LOST_THREAD, "member"],
  [NOT_IN_ROOM, "refused"],
];

const SAY_YOUR_NAME = new RegExp(
  `^\\* say your name first( \\(here: ${NAME}(, ${NAME})*( and \\d+ more)?\\))?\r?$`,
);
/** No line that asks for a name is longer, in bytes: ten of 32 characters are told. */
export const SAY_YOUR_NAME_BYTES_MAX = 2048;

/**
 * Whether a line asks for a name, if it is the first that a client hears.
 *
 * @param line with its `* ` and without its LF
 */
export function asksForName(line: string): boolean {
  return SAY_YOUR_NAME.test(line);
}

/** No last word is longer, in bytes, its `* ` and LF included. */
export const LAST_LINE_BYTES_MAX = 160;

/**
 * Recognises a last word by its exact shape; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function lastWordOf(line: string): LastWord | undefined {
  // It is shown to people as it is: nothing in it may move their cursor or turn text around.
  if (!line.startsWith("* ") || /\p{C}/u.test(line)) return undefined;
  const word = line.slice(2);
  const to = SHAPES.find(([shape]) => new RegExp(`^${shape}$`).test(word))?.[1];
  return to && { word, refusal: to.startsWith("refused"), permanent: to.endsWith("for good") };
}

/** The longest line that a server accepts, in bytes, its LF included; by the word that says so. */
export function longestLineOf({ word }: LastWord): number | undefined {
  const bytes = new RegExp(`^${longerThan("(\\d+)")}$`).exec(word)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}
