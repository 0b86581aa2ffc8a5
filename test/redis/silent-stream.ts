/** A stream of which a test says what it answers, and when. */

import type { Claim } from "../../lib/redis/claims.ts";
import { StreamOrder, type StreamOrderOptions } from "../../lib/redis/stream-order.ts";
import type { Entry, Saying, StreamEvents } from "../../lib/redis/stream.ts";
import type { RoomOptions } from "../../lib/room/options.ts";
import { openRoom } from "../room/open-room.ts";

/** The one connection to it, which is open, and through which one server has joined. */
export class SilentStream {
  readonly order: StreamOrder;
  readonly said: Saying[] = [];
  readonly claims: Claim[] = [];
  events: StreamEvents | undefined;
  #last = "1-0";
  #placed = 0;

  constructor(options: Pick<StreamOrderOptions, "names" | "onChange"> = {}) {
    this.order = new StreamOrder({
      ...options,
      lineBytesMax: 1000,
      newName: () => "one",
      open: (events) => {
        this.events = events;
        return {
          join() {},
          say: (saying) => void this.said.push(saying),
          claim: (claim) => void this.claims.push(claim),
          drop() {},
          read() {},
          close() {},
        };
      },
    });
  }

  /** Opens a room that is in it, with other servers. */
  openRoom(options: Partial<RoomOptions> = {}, others: readonly string[] = []) {
    const opened = openRoom({ ...options, order: this.order });
    opened.settle();
    this.events?.onOpen();
    const servers = new Map(["one", ...others].map((name) => [name, "1-0"]));
    this.events?.onJoined("1-0", servers, []);
    opened.settle();
    return opened;
  }

  /** What was said has its place, and is read; all at this time of the stream, in ms. */
  places(ms?: number): void {
    const entries: Entry[] = [];
    for (; this.#placed < this.said.length; this.#placed++) {
      const { by, number, read, lines } = this.said[this.#placed] as Saying; // in bounds
      const id = `${ms ?? number}-${number}`;
      entries.push({ id, after: this.#last, by, number, read, lines });
      this.#last = id;
      this.events?.onSaid(id);
    }
    this.events?.onEntries(entries);
  }
}
