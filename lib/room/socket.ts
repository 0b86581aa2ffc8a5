/** What the room asks of a connection, and what a connection tells the object behind it. */

/** A connection, as the room sees it; a socket of `Bun.listen` is one. */
export interface RoomSocket {
  /** What sits behind it now; each of its events goes there. */
  data: Life;
  /** Takes bytes[offset, offset + length), or fewer and drains later; returns how many, −1 if closed. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /** Half-closes: after all that was written, the peer gets EOF. */
  shutdown(): void;
  /** Closes; what was written goes out, unless the peer sends more. `closed` may come before it returns. */
  end(): void;
  /** Closes at once, by a reset: what was written may be lost. `closed` comes before it returns. */
  terminate(): void;
  /** Stops reading: nothing is `received` or `ended` until `resume`, or only just before `closed`. */
  pause(): void;
  resume(): void;
}

/** One of the lives of a connection: on its way in, member or leaver, and in the end none. */
export interface Life {
  /** Whether another socket has taken its place, as with TLS: then `closed` of that one counts. */
  readonly isReplaced?: boolean;
  received(bytes: Uint8Array): void;
  drained(): void;
  /** The peer has sent its last byte, `rio_readlineb` returning 0, unless it was cut off there. */
  ended(isCutOff?: boolean): void;
  closed(): void;
  /** The connection is to be reset: a handler has failed, or there is another reason. */
  failed(reason?: string): void;
}

/** Behind a socket that is closed: nothing of it matters any more. */
export const GONE: Life = { received() {}, drained() {}, ended() {}, closed() {}, failed() {} };

/** Why a connection ends. */
export interface DisconnectReason {
  /** For the event log. */
  readonly reason: string;
  /** For the peer, just before EOF: as `* message`, or as it is if it has an LF at its end. */
  readonly message?: string | undefined;
}

/** Closes a connection at once: in order if that needs nothing of its peer, else by a reset. */
export function close(socket: RoomSocket): void {
  socket.end();
  if (socket.data !== GONE) socket.terminate();
}
