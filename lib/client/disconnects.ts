/** Recognises server messages by their exact shapes: what disconnects, and what asks for a name. */

import * as messages from "../program/server-messages.ts";

const ADDRESS = "[\\da-f.:]+(?:%[^\\s%]+)?";
const TIME = "\\d+(?:\\.\\d+)?(?:ms|s|m|h)";
const NAME = "[^\\s:]{1,64}"; // A character may be a pair of surrogates.

/** Messages to a client that never was a member, for which another try may succeed. */
const REFUSALS = anyOf(
  messages.ROOM_IS_FULL,
  messages.NOT_IN_ROOM,
  messages.notAllowedFrom(ADDRESS),
  messages.tooManyFrom(ADDRESS),
  messages.nameTaken(NAME),
  messages.noNameWithin(TIME),
);
/** Those after which it comes to the same. */
const LASTING_REFUSALS = anyOf(
  messages.NOT_A_NAME,
  messages.NO_NAME_CERTIFIED,
  messages.WRONG_PASS_PHRASE,
  messages.SPEAKS_TLS,
  messages.NO_PROXY_HEADER,
  messages.MALFORMED_PROXY_HEADER,
  messages.noPassPhraseWithin(TIME),
  messages.noProxyHeaderWithin(TIME),
);
/** Messages to a member. */
const TAKEN_OVER = anyOf(messages.takenOver(NAME));
const DISCONNECTS = anyOf(
  messages.OUT_OF_SYNC,
  messages.lineLongerThan("\\d+"),
  messages.idleFor(TIME),
);

/** What a client knows by the message that ended its connection. */
export interface Disconnect {
  readonly message: string;
  /** Whether the client never was a member: nothing of what it sent was relayed. */
  readonly isRefusal: boolean;
  /** Whether another try would come to the same, until somebody changes something. */
  readonly isPermanent: boolean;
}

/** No message that disconnects is longer, in bytes, its `* ` and LF included. */
export const SERVER_MESSAGE_BYTES_MAX = 160;

/**
 * Recognises a message that disconnects; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function disconnectOf(line: string): Disconnect | undefined {
  // It is shown to people as it is: nothing in it may move their cursor or turn text around.
  if (!line.startsWith("* ") || /\p{C}/u.test(line)) return undefined;
  const message = line.slice(2);
  const isPermanent = LASTING_REFUSALS.test(message) || TAKEN_OVER.test(message);
  const isRefusal = LASTING_REFUSALS.test(message) || REFUSALS.test(message);
  const isKnown = isPermanent || isRefusal || DISCONNECTS.test(message);
  return isKnown ? { message, isRefusal, isPermanent } : undefined;
}

/** No line that asks for a name is longer, in bytes: ten names of 32 characters are told. */
export const ASK_FOR_NAME_BYTES_MAX = 2048;

/** Whether the first line that a client receives asks for a name, without its LF. */
export function asksForName(line: string): boolean {
  return /^\* say your name first( \(here: .+\))?\r?$/.test(line);
}

function anyOf(...shapes: string[]): RegExp {
  return new RegExp(`^(?:${shapes.join("|")})$`);
}
