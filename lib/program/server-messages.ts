/**
 * Server messages: lines that begin with `* ` and come from the server itself, most of them just
 * before it disconnects a client. A client recognises those by the same tables.
 */

/** To a client that never was a member, for which another try may succeed. */
export const REFUSALS = {
  roomIsFull: "room is full",
  notInRoom: "this server is not in the room at the moment",
  notAllowedFrom: (address: string) => `not allowed from ${address}`,
  tooManyFrom: (address: string) => `too many connections from ${address}`,
  tooManyGuessesFrom: (address: string) => `too many wrong pass phrases from ${address}`,
  nameTaken: (name: string) => `the name ${name} is taken`,
  noNameWithin: (time: string) => `no name within ${time}`,
};

/** To one for which it would come to the same, until somebody changes something. */
export const LASTING = {
  notAName: "a name is one word of 1 to 32 characters without a colon",
  noNameCertified: "certificate has no usable name",
  wrongPassPhrase: "wrong pass phrase",
  speaks: (protocol: string) => `speaks ${protocol}, this port does not`,
  noProxyHeader: "no PROXY header",
  malformedProxyHeader: "malformed PROXY header",
  noPassPhraseWithin: (time: string) => `no pass phrase within ${time}`,
  noProxyHeaderWithin: (time: string) => `no PROXY header within ${time}`,
};

/** To a member. */
export const DISCONNECTS = {
  outOfSync: "server out of sync; please reconnect",
  lineLongerThan: (bytes: string) => `line longer than ${bytes} bytes`,
  idleFor: (time: string) => `idle for ${time}`,
  /** By a newcomer with the same certificate, from which the old client would take it in turn. */
  takenOver: (name: string) => `the name ${name} was taken over`,
};

/** The line that a server message is. */
export const serverMessage = (text: string) => `* ${text}\n`;

/** What a newcomer receives where history ends. */
export const HISTORY_END = serverMessage("end of history");
