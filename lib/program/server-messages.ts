/**
 * Server messages: lines that begin with `* ` and come from the server itself, most of them just
 * before it disconnects a client. All are made here, and recognised here by the client.
 */

export const ROOM_IS_FULL = "room is full";
export const WRONG_PASS_PHRASE = "wrong pass phrase";
export const NO_PROXY_HEADER = "no PROXY header";
export const MALFORMED_PROXY_HEADER = "malformed PROXY header";
export const SPEAKS_TLS = "speaks TLS, this port does not";
export const NOT_A_NAME = "a name is one word of 1 to 32 characters without a colon";
export const NO_NAME_CERTIFIED = "the certificate is for nobody: its common name is not one word";

/** Several servers share the room, and this one cannot know what was sent at the others. */
export const OUT_OF_SYNC = "server out of sync; please reconnect";
/** Nor can it know what is sent there, until it has found the others again. */
export const NOT_IN_ROOM = "this server is not in the room at the moment";

/** @param address numeric */
export const notAllowedFrom = (address: string) => `not allowed from ${address}`;
/** @param address numeric */
export const tooManyFrom = (address: string) => `too many connections from ${address}`;
/** @param time as a person writes it, `10s` */
export const noPassPhraseWithin = (time: string) => `no pass phrase within ${time}`;
/** @param time as a person writes it, `10s` */
export const noProxyHeaderWithin = (time: string) => `${NO_PROXY_HEADER} within ${time}`;
/** @param time as a person writes it, `1m` */
export const noNameWithin = (time: string) => `no name within ${time}`;
/** @param time as a person writes it, `5m` */
export const idleFor = (time: string) => `idle for ${time}`;
/** @param bytes the longest line there may be, its LF included */
export const lineLongerThan = (bytes: number | string) => `line longer than ${bytes} bytes`;
export const nameTaken = (name: string) => `the name ${name} is taken`;
/** By a newcomer with the same certificate. */
export const takenOver = (name: string) => `the name ${name} was taken over`;

/** The line that a server message is. */
export const serverMessage = (text: string) => `* ${text}\n`;

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

/** What a newcomer receives where history ends. */
export const HISTORY_END = serverMessage("end of history");

/** What a client knows by the message that ended its connection. */
export interface Disconnect {
  readonly message: string;
  /** Whether the client never was a member: nothing of what it sent was relayed. */
  readonly isRefusal: boolean;
  /** Whether another try would come to the same, until somebody changes something. */
  readonly isPermanent: boolean;
}

/** Whom a message is for: a client that is refused, or a member; now, or for good as it is. */
type Receiver = "refused" | "refused for good" | "member" | "member for good";

const ADDRESS = "[\\da-f.:]+(?:%[^\\s%]+)?";
const TIME = "\\d+(?:\\.\\d+)?(?:ms|s|m|h)";
const NAME = "[^\\s:]{1,64}"; // A character may be a pair of surrogates.

/** The messages that disconnect, as regular expressions. */
const SHAPES: readonly (readonly [shape: string, receiver: Receiver])[] = [
  [ROOM_IS_FULL, "refused"],
  [notAllowedFrom(ADDRESS), "refused"], // A client moves, and has another address then.
  [tooManyFrom(ADDRESS), "refused"],
  [WRONG_PASS_PHRASE, "refused for good"],
  [noPassPhraseWithin(TIME), "refused for good"], // A client that knows it sends it at once.
  [SPEAKS_TLS, "refused for good"],
  [NO_PROXY_HEADER, "refused for good"],
  [MALFORMED_PROXY_HEADER, "refused for good"],
  [noProxyHeaderWithin(TIME), "refused for good"],
  [NOT_A_NAME, "refused for good"],
  [NO_NAME_CERTIFIED, "refused for good"],
  [noNameWithin(TIME), "refused"],
  [nameTaken(NAME), "refused"], // For a minute, if it was taken by one that has vanished.
  [takenOver(NAME), "member for good"], // The old client would take it over in turn.
  [lineLongerThan("\\d+"), "member"],
  [idleFor(TIME), "member"],
  [OUT_OF_SYNC, "member"],
  [NOT_IN_ROOM, "refused"],
];

const ASKS_FOR_NAME = new RegExp(
  `^\\* say your name first( \\(here: ${NAME}(, ${NAME})*( and \\d+ more)?\\))?\r?$`,
);
/** No line that asks for a name is longer, in bytes: ten names of 32 characters are told. */
export const ASK_FOR_NAME_BYTES_MAX = 2048;

/**
 * Whether a line asks for a name, if it is the first that a client receives.
 *
 * @param line with its `* ` and without its LF
 */
export function asksForName(line: string): boolean {
  return ASKS_FOR_NAME.test(line);
}

/** No message that disconnects is longer, in bytes, its `* ` and LF included. */
export const SERVER_MESSAGE_BYTES_MAX = 160;

/**
 * Recognises a message that disconnects by its exact shape; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function disconnectOf(line: string): Disconnect | undefined {
  // It is shown to people as it is: nothing in it may move their cursor or turn text around.
  if (!line.startsWith("* ") || /\p{C}/u.test(line)) return undefined;
  const message = line.slice(2);
  const to = SHAPES.find(([shape]) => new RegExp(`^${shape}$`).test(message))?.[1];
  return to && { message, isRefusal: to.startsWith("refused"), isPermanent: to.endsWith("good") };
}

/** Whether the reason is that a line was too long. */
export function isLineTooLong({ message }: Disconnect): boolean {
  return new RegExp(`^${lineLongerThan("\\d+")}$`).test(message);
}
