/**
 * Server messages: lines that begin with `* ` and come from the server itself, most of them just
 * before it disconnects a client. All are made here; lib/client/disconnects.ts recognises them.
 */

// To a client that never was a member.
export const ROOM_IS_FULL = "room is full";
export const NOT_IN_ROOM = "this server is not in the room at the moment";
export const NOT_A_NAME = "a name is one word of 1 to 32 characters without a colon";
export const NO_NAME_CERTIFIED = "the certificate is for nobody: its common name is not one word";
export const WRONG_PASS_PHRASE = "wrong pass phrase";
export const SPEAKS_TLS = "speaks TLS, this port does not";
export const NO_PROXY_HEADER = "no PROXY header";
export const MALFORMED_PROXY_HEADER = "malformed PROXY header";
export const notAllowedFrom = (address: string) => `not allowed from ${address}`;
export const tooManyFrom = (address: string) => `too many connections from ${address}`;
export const nameTaken = (name: string) => `the name ${name} is taken`;
export const noNameWithin = (time: string) => `no name within ${time}`;
export const noPassPhraseWithin = (time: string) => `no pass phrase within ${time}`;
export const noProxyHeaderWithin = (time: string) => `no PROXY header within ${time}`;

// To a member.
export const OUT_OF_SYNC = "server out of sync; please reconnect";
export const lineLongerThan = (bytes: string) => `line longer than ${bytes} bytes`;
export const idleFor = (time: string) => `idle for ${time}`;
/** By a newcomer with the same certificate, from which the old client would take it in turn. */
export const takenOver = (name: string) => `the name ${name} was taken over`;

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
