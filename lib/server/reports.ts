/** What a server reports to the program around it: who joins and leaves, and who is refused. */

import type { Extra } from "../room/extra.ts";

/** A member, as a program around the room sees it. */
export interface MemberView {
  /** What other members know it by: its name in a room with names, else its address and port. */
  readonly name: string;
  /** Its name, if it has one, and its address and port, or its number on a Unix socket. */
  readonly label: string;
  /**
   * Disconnects it. Whole lines that it has sent already are still relayed, it gets what was sent
   * until then, and `* reason` as a server message. Nothing happens if it has left.
   *
   * @param reason one line
   * @throws {RangeError} if it is more than one line
   */
  disconnect(reason: string): void;
}

/** What is reported. One that throws changes nothing for anybody. */
export interface RoomEvents {
  /** A member has joined, and receives what is sent from now on. */
  onJoin?: ((member: MemberView) => void) | undefined;
  /**
   * @param reason `end of input`, `reset`, `line too long`, `too slow`, `idle`, `server stopping`,
   *   `out of sync`, or why it was disconnected
   * @param behindBytes how much of the log the member had not taken
   */
  onLeave?: ((member: MemberView, reason: string, behindBytes: number) => void) | undefined;
  /**
   * @param label its address and port
   * @param why what it was told, as far as it could be told
   */
  onRefuse?: ((label: string, why: string) => void) | undefined;
}

/** Tells the events what happens in a room. */
export function reports(
  { onJoin, onLeave, onRefuse }: RoomEvents,
  onError: ((error: Error) => void) | undefined,
): Extra {
  const guard = guardWith(onError);
  return {
    joined: guard(onJoin),
    gone: guard(onLeave),
    refused: guard(onRefuse),
  };
}

/**
 * Makes a function that cannot throw, so that nothing is left half done by one that is given.
 *
 * @param onError told of what it throws; by default, that is an uncaught exception
 */
export function guardWith(onError: ((error: Error) => void) | undefined) {
  return <Details extends unknown[]>(report: ((...details: Details) => void) = () => {}) =>
    (...details: Details): void => {
      try {
        report(...details);
      } catch (error) {
        queueMicrotask(() => {
          if (onError && error instanceof Error) onError(error);
          else throw error;
        });
      }
    };
}
