/** What a server reports to the program around it: who joins and leaves, and who is refused. */

import type { Guard, MemberView } from "../extras/part.ts";
import type { Extra } from "../room/extra.ts";

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
export function reports({ onJoin, onLeave, onRefuse }: RoomEvents, guard: Guard): Extra {
  return { joined: guard(onJoin), gone: guard(onLeave), refused: guard(onRefuse) };
}

/** @param onError told of what a guarded function throws; by default, that is an uncaught exception */
export function guardWith(onError: ((error: Error) => void) | undefined): Guard {
  return <Details extends unknown[]>(report: (...details: Details) => void = () => {}) =>
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
