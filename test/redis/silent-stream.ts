/** A stream of which a test says what it answers, and when. */

import { Session } from "../../lib/redis/session.ts";
import type { Entry, Joined, NewEntry, Trouble } from "../../lib/redis/stream.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { openRoom } from "../room/open-room.ts";

/** The one connection to it, which is open, and through which one server has joined. */
export class SilentStream {
  readonly session: Session;
  readonly reports: string[] = [];
  readonly added: NewEntry[] = [];
  /** The connection was lost. */
  lose: (trouble: Trouble, why: string) => void = () => {};
  #open = () => {};
  #join: (joined: Joined) => void = () => {};
  #answers: ((id: string) => void)[] = [];
  #read: (entries: readonly Entry[]) => void = () => {};
  #last = "1-0";

  constructor(names = false) {
    this.session = new Session({
      room: "lib",
      names,
      takenBytesMax: 2 << 20,
      newName: () => "one",
      report: (what) => this.reports.push(what),
      open: (onOpen, onLost) => {
        this.#open = onOpen;
        this.lose = onLost;
        return {
          join: (_by, _instead, done) => void (this.#join = done),
          add: (entry, done) => {
            this.added.push(entry);
            this.#answers.push(done);
          },
          read: (_after, done) => void (this.#read = done),
          close() {},
        };
      },
    });
  }

  /** Opens a room that is in it, with other servers. */
  openRoom(options: Partial<RoomOptions> = {}, others: readonly string[] = []) {
    const opened = openRoom({ ...options, order: this.session.order });
    void this.session.start(opened.room);
    opened.settle();
    this.joins("1-0", others);
    opened.settle();
    return opened;
  }

  /** The connection opens, and the server joins with this entry. */
  joins(id: string, others: readonly string[] = []): void {
    this.#last = id;
    this.added.length = this.#answers.length = 0;
    this.#open();
    this.#join({ id, others: new Map(others.map((name) => [name, id])), history: [] });
  }

  /**
   * What was added has its place, and is read; all at this time of the stream, in ms.
   *
   * @param granted which names were reserved, for each entry
   */
  places(ms?: number, granted = ""): void {
    this.reads(...this.answers(ms, granted));
  }

  /** What was added has its place; returns that. */
  answers(ms?: number, granted = ""): Entry[] {
    return this.added.splice(0).map((entry): Entry => {
      const id = `${ms ?? entry.number}-${entry.number}`;
      const after = this.#last;
      this.#last = id;
      this.#answers.shift()?.(id);
      return { ...entry, id, after, granted };
    });
  }

  /** These entries are read. */
  reads(...entries: readonly Entry[]): void {
    this.#read(entries);
  }
}
