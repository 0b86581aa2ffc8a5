/** A stream of which a test says what it answers, and when. */

import { Session } from "../../lib/redis/session.ts";
import type {
  Entry,
  Joined,
  Joining,
  NewEntry,
  Progress,
  States,
  Trouble,
} from "../../lib/redis/stream.ts";
import type { RoomOptions } from "../../lib/room/room.ts";
import { openRoom } from "../room/open-room.ts";

/** The one connection to it, which is open, and through which one server has joined. */
export class SilentStream {
  readonly session: Session;
  readonly reports: string[] = [];
  readonly added: NewEntry[] = [];
  readonly heartbeats: Progress[] = [];
  /** The servers that it has considered down. */
  readonly dropped: string[] = [];
  joining: Joining | undefined;
  /** The connection was lost. */
  lose: (trouble: Trouble, why: string) => void = () => {};
  #open = () => {};
  #settle = () => {};
  #join: (joined: Joined) => void = () => {};
  #answers: (() => void)[] = [];
  #beat: (last: string, servers: States) => void = () => {};
  #read: (entries: readonly Entry[], isMore: boolean) => void = () => {};
  #last = "1-0";

  constructor() {
    this.session = new Session({
      room: "lib",
      options: "",
      takenBytesMax: 2 << 20,
      kept: { bytes: 8 << 20, ms: 60_000, historyBytes: 0 },
      newName: () => "one",
      report: (what) => this.reports.push(what),
      open: (onOpen, onLost) => {
        this.#open = onOpen;
        this.lose = onLost;
        return {
          join: (joining, done) => {
            this.joining = joining;
            this.#join = done;
          },
          add: (entry, done) => {
            this.added.push(entry);
            this.#answers.push(done);
          },
          beat: (heartbeat, done) => {
            this.heartbeats.push(heartbeat);
            this.#beat = done;
          },
          drop: (name, _state, done) => {
            this.dropped.push(name);
            done([]);
          },
          read: (_after, _by, done) => void (this.#read = done),
          close() {},
        };
      },
    });
  }

  /** Opens a room that is in it, with other servers. */
  openRoom(options: Partial<RoomOptions> = {}, others: readonly string[] = []) {
    const opened = openRoom({ ...options, order: this.session.order });
    this.#settle = opened.settle;
    void this.session.start(opened.room);
    opened.settle();
    this.joins("1-0", others);
    return opened;
  }

  /** The connection opens, and the server joins with this entry, which it reads after some others. */
  joins(id: string, others: readonly string[] = [], before: readonly Entry[] = []): void {
    this.#last = id;
    this.added.length = this.#answers.length = 0;
    this.#open();
    this.#settle();
    const servers = new Map(others.map((name) => [name, `1 ${id}`]));
    const after = before.at(-1)?.id ?? "0-0";
    this.#join({ id, after, servers });
    this.#settle();
    const { by = "", number = 0, read = "" } = this.joining ?? {};
    const entry = { id, after, by, number, read, isPassing: false, isJoining: true, granted: "" };
    this.reads(...before, { ...entry, lines: new Uint8Array(0) });
    this.#settle();
  }

  /** The heartbeat is answered: these are the servers, in these states. */
  answersHeartbeat(servers: Readonly<Record<string, string>>): void {
    this.#beat(this.#last, new Map(Object.entries(servers)));
  }

  /**
   * What was added has its place, and is read.
   *
   * @param granted which names were reserved, for each entry
   */
  places(granted = ""): void {
    this.reads(...this.answers(granted));
  }

  /** What was added has its place; returns that. */
  answers(granted = ""): Entry[] {
    return this.added.splice(0).map((entry): Entry => {
      const id = `${Number.parseInt(this.#last, 10) + 1}-0`;
      const after = this.#last;
      this.#last = id;
      this.#answers.shift()?.();
      return { ...entry, id, after, granted, isJoining: false };
    });
  }

  /** These entries are read. */
  reads(...entries: readonly Entry[]): void {
    this.#read(entries, false);
  }
}
