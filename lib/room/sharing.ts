/** What is different in a room that is one with rooms at other servers. */

import type { LineLog } from "./line-log.ts";
import { Member } from "./member.ts";
import type { SharedOrder, SharingRoom } from "./order.ts";
import type { Room } from "./room.ts";
import type { Turns } from "./turns.ts";

/** A room's part in the order that rooms share. */
export class Sharing implements SharingRoom {
  readonly order: SharedOrder;
  readonly #room: Room;
  readonly #turns: Turns;
  /** Who is told whether what it has said has come to the log. */
  readonly #waiting = new Set<(isInLog: boolean) => void>();

  constructor(room: Room, turns: Turns, order: SharedOrder) {
    this.order = order;
    this.#room = room;
    this.#turns = turns;
  }

  get log(): LineLog {
    return this.#room.log;
  }

  get settings(): Room["settings"] {
    return this.#room.settings;
  }

  /** Whether nothing is on its way that members elsewhere are to hear. */
  get hasSaidAll(): boolean {
    return this.#turns.next === undefined && this.order.isIdle;
  }

  /** Lets go on what waits; returns whether nothing waits for room in the log any more. */
  goOn(): boolean {
    const { head } = this.log;
    this.order.moveToLog();
    if (this.log.head !== head) this.settings.wake(0);
    this.#turns.takeTurns();
    return !this.order.isHeldUp;
  }

  /** Has a member leave as soon as all that it has said is in the log. */
  letGo(member: Member, reason: string, word?: string): void {
    this.#turns.remove(member);
    this.#room.idle?.stop(member);
    this.order.after(() => {
      this.#room.names?.free(member);
      if (member.cursor.socket.data === member) this.#room.leave(member, reason, word);
    });
  }

  /** Tells once all that was said until now is in the log, or that it will not be for all that is known. */
  whenPlaced(tell: (isInLog: boolean) => void): void {
    this.#waiting.add(tell);
    this.order.after(() => {
      this.#waiting.delete(tell);
      tell(true);
    });
  }

  beginHistory(): void {
    this.#room.newcomers?.begin();
  }

  dropUnsaid(): number {
    for (const tell of this.#waiting) tell(false);
    this.#waiting.clear();
    this.#room.names?.clear();
    return this.#turns.drop((talker) => talker instanceof Member);
  }

  sendAllAway(word: string, reason: string): number {
    const lines = this.dropUnsaid();
    for (const member of this.#room.members) this.#room.leave(member, reason, word);
    return lines;
  }
}
