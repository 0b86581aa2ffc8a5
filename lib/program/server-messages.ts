/**
 * Server messages: lines that begin with `* ` and come from the server itself, most of them just
 * before it disconnects a client. A client recognises those by the same entries.
 */

type Message = string | ((word: string) => string);

/** Every message that disconnects: whether it refuses the client, and whether for good. */
export const DISCONNECTS: { message: Message; isRefusal: boolean; isPermanent: boolean }[] = [];

function entry(isRefusal: boolean, isPermanent: boolean) {
  return <Kind extends Message>(message: Kind): Kind => {
    DISCONNECTS.push({ message, isRefusal, isPermanent });
    return message;
  };
}

// To a client that never was a member, for which another try may succeed.
const refusal = entry(true, false);
export const ROOM_IS_FULL = refusal("room is full");
export const NOT_IN_ROOM = refusal("this server is not in the room at the moment");
export const notAllowedFrom = refusal((address) => `not allowed from ${address}`);
export const tooManyFrom = refusal((address) => `too many connections from ${address}`);
export const nameTaken = refusal((name) => `the name ${name} is taken`);
export const noNameWithin = refusal((time) => `no name within ${time}`);

// To one for which it would come to the same, until somebody changes something.
const lasting = entry(true, true);
export const NOT_A_NAME = lasting("a name is one word of 1 to 32 characters without a colon");
export const NO_NAME_CERTIFIED = lasting(
  "the certificate is for nobody: its common name is not one word",
);
export const WRONG_PASS_PHRASE = lasting("wrong pass phrase");
export const SPEAKS_TLS = lasting("speaks TLS, this port does not");
export const NO_PROXY_HEADER = lasting("no PROXY header");
export const MALFORMED_PROXY_HEADER = lasting("malformed PROXY header");
export const noPassPhraseWithin = lasting((time) => `no pass phrase within ${time}`);
export const noProxyHeaderWithin = lasting((time) => `no PROXY header within ${time}`);

// To a member.
const disconnect = entry(false, false);
export const OUT_OF_SYNC = disconnect("server out of sync; please reconnect");
export const lineLongerThan = disconnect((bytes) => `line longer than ${bytes} bytes`);
export const idleFor = disconnect((time) => `idle for ${time}`);
/** By a newcomer with the same certificate, from which the old client would take it in turn. */
export const takenOver = entry(false, true)((name) => `the name ${name} was taken over`);

/** The line that a server message is. */
export const serverMessage = (text: string) => `* ${text}\n`;

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
