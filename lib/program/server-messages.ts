/**
 * Server messages: lines that begin with `* ` and come from the server itself, most of them just
 * before it disconnects a client. All are made here, and recognised here by the client.
 */

const SHAPES: { shape: RegExp; isRefusal: boolean; isPermanent: boolean }[] = [];
const ADDRESS = "[\\da-f.:]+(?:%[^\\s%]+)?";
const TIME = "\\d+(?:\\.\\d+)?(?:ms|s|m|h)";
const NAME = "[^\\s:]{1,64}"; // A character may be a pair of surrogates.

/** Messages to a client that never was a member: another try may succeed, or comes to the same. */
const refused = disconnects(true, false);
const refusedForGood = disconnects(true, true);
/** Messages to a member. */
const member = disconnects(false, false);
const memberForGood = disconnects(false, true);

export const ROOM_IS_FULL = refused("room is full");
export const NOT_IN_ROOM = refused("this server is not in the room at the moment");
export const notAllowedFrom = refused((address) => `not allowed from ${address}`, ADDRESS);
export const tooManyFrom = refused((address) => `too many connections from ${address}`, ADDRESS);
export const nameTaken = refused((name) => `the name ${name} is taken`, NAME);
export const noNameWithin = refused((time) => `no name within ${time}`, TIME);
export const NOT_A_NAME = refusedForGood(
  "a name is one word of 1 to 32 characters without a colon",
);
export const NO_NAME_CERTIFIED = refusedForGood(
  "the certificate is for nobody: its common name is not one word",
);
export const WRONG_PASS_PHRASE = refusedForGood("wrong pass phrase");
export const noPassPhraseWithin = refusedForGood((time) => `no pass phrase within ${time}`, TIME);
export const SPEAKS_TLS = refusedForGood("speaks TLS, this port does not");
export const NO_PROXY_HEADER = refusedForGood("no PROXY header");
export const MALFORMED_PROXY_HEADER = refusedForGood("malformed PROXY header");
export const noProxyHeaderWithin = refusedForGood((time) => `no PROXY header within ${time}`, TIME);
export const lineLongerThan = member((bytes) => `line longer than ${bytes} bytes`, "\\d+");
export const idleFor = member((time) => `idle for ${time}`, TIME);
export const OUT_OF_SYNC = member("server out of sync; please reconnect");
/** By a newcomer with the same certificate, from which the old client would take it in turn. */
export const takenOver = memberForGood((name) => `the name ${name} was taken over`, NAME);

/** Makes messages of a kind: as they are, or by a value that matches a regular expression. */
function disconnects(isRefusal: boolean, isPermanent: boolean) {
  return <Message extends string | ((value: string) => string)>(message: Message, value = "") => {
    const shape = typeof message === "string" ? message : message(value);
    SHAPES.push({ shape: new RegExp(`^${shape}$`), isRefusal, isPermanent });
    return message;
  };
}

/** The line that a server message is. */
export const serverMessage = (text: string) => `* ${text}\n`;

/** No message that disconnects is longer, in bytes, its `* ` and LF included. */
export const SERVER_MESSAGE_BYTES_MAX = 160;

/** What a client knows by the message that ended its connection. */
export interface Disconnect {
  readonly message: string;
  /** Whether the client never was a member: nothing of what it sent was relayed. */
  readonly isRefusal: boolean;
  /** Whether another try would come to the same, until somebody changes something. */
  readonly isPermanent: boolean;
}

/**
 * Recognises a message that disconnects by its exact shape; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function disconnectOf(line: string): Disconnect | undefined {
  // It is shown to people as it is: nothing in it may move their cursor or turn text around.
  if (!line.startsWith("* ") || /\p{C}/u.test(line)) return undefined;
  const message = line.slice(2);
  const known = SHAPES.find(({ shape }) => shape.test(message));
  return known && { message, isRefusal: known.isRefusal, isPermanent: known.isPermanent };
}

/** What a newcomer receives where history ends. */
export const HISTORY_END = serverMessage("end of history");

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

/** No line that asks for a name is longer, in bytes: ten names of 32 characters are told. */
export const ASK_FOR_NAME_BYTES_MAX = 2048;

/** Whether the first line that a client receives asks for a name, without its LF. */
export function asksForName(line: string): boolean {
  return /^\* say your name first( \(here: .+\))?\r?$/.test(line);
}
