/** A member that speaks another protocol, as its first line shows, is told so and leaves. */

import { protocolOf, refusalOf, withLineEnd } from "../doors/first-bytes.ts";
import type { Lines } from "../room/fair-queue.ts";
import type { Member } from "../room/member.ts";
import type { DisconnectReason, RoomSocket } from "../room/socket.ts";
import type { Context, Part } from "./part.ts";
import { WrappedLines } from "./wrapped-lines.ts";

/** Shared by all that have sent nothing. */
const NOTHING = Buffer.alloc(0);

export function firstBytes({ parts }: Context): Part {
  /** Those on their way in whose bytes come as they are, and not in messages of a WebSocket. */
  const sockets = new WeakSet<RoomSocket>();
  return {
    door: {
      isTransport: true,
      meet(arrival) {
        sockets.add(arrival.socket);
        arrival.pass();
      },
    },
    extra: () => ({
      linesOf: (member, lines) =>
        sockets.delete(member.cursor.socket) ? new InspectedLines(member, lines, parts) : lines,
    }),
  };
}

/** Lines that are inspected at their beginning, and then left to themselves. */
class InspectedLines extends WrappedLines {
  readonly #member: Member;
  readonly #parts: readonly Part[];
  /** All that has come, until it is known what that is. */
  #begun: Buffer | undefined = NOTHING;
  #objection: DisconnectReason | undefined;

  constructor(member: Member, lines: Lines, parts: readonly Part[]) {
    super(lines);
    this.#member = member;
    this.#parts = parts;
  }

  override get objection(): DisconnectReason | undefined {
    return super.objection ?? this.#objection;
  }

  /** What ends the first line is inspected before it is put in, so that a request is never whole. */
  override push(chunk: Uint8Array): void {
    if (this.#begun) this.#inspect(Buffer.concat([this.#begun, chunk]));
    if (!this.#objection) super.push(chunk);
  }

  override end(): void {
    if (this.#begun) this.#inspect(withLineEnd(this.#begun));
    if (!this.#objection) super.end();
  }

  #inspect(received: Buffer): void {
    const protocol = protocolOf(received);
    this.#begun = protocol === undefined ? received : undefined;
    if (protocol === "lines") {
      if (this.#member.lines === this) this.#member.lines = this.within;
    } else if (protocol !== undefined) this.#objection = refusalOf(protocol, this.#parts);
  }
}
