/** What a client sends first: lines, or another protocol, which is refused, at a door and as a member. */

import type { Context, Part } from "../extras/part.ts";
import { WrappedLines } from "../extras/wrapped-lines.ts";
import { LASTING } from "../program/server-messages.ts";
import type { Lines } from "../room/fair-queue.ts";
import { LF } from "../room/line-buffer.ts";
import type { Member } from "../room/member.ts";
import type { DisconnectReason, RoomSocket } from "../room/socket.ts";
import type { Inspect } from "./door.ts";

/** How others begin, in latin1. */
const PROTOCOLS = [
  // A record of type 22, a handshake, in version 3.x (RFC 8446, 5.1).
  ["TLS", /^\x16\x03[\0-\x04]/],
  // A request line, perhaps behind empty ones (RFC 9112, 2.2); the preface of HTTP/2 looks like one.
  ["HTTP", /^(?:\r?\n){0,2}[A-Z]+ \S+ HTTP\/(?:1\.[01]|2\.0)\r?\n/],
  // Version 1, and version 2, of which the first lines are empty.
  ["PROXY", /^(?:PROXY (?:TCP[46] |UNKNOWN)|(?:\r?\n){2}\0\r?\n)/],
  ["SSH", /^SSH-2\.0-/],
] as const;
/** What may become one of them; a first line that is whole, behind two empty ones at most, is not. */
const BEGUN =
  /^(?:\x16\x03?|SSH-[2.0]*|(?:\r?\n){2}\0\r?|(?:\r?\n){0,2}(?:\r|[A-Z]+(?: \S*(?: [HTP/12.0]*\r?)?)?)?)$/;
/** Longer than all that tells a protocol before the end of its first line. */
const START_BYTES = 64;
/** Shared by all that have sent nothing. */
const NOTHING = Buffer.alloc(0);

type Protocol = (typeof PROTOCOLS)[number][0];

export function firstBytes({ parts }: Context): Part {
  /** Those whose bytes come as they are, and not in messages of a WebSocket, before they join. */
  const sockets = new WeakSet<RoomSocket>();
  const inspect = (bytes: Buffer) => {
    const protocol = protocolOf(bytes);
    return protocol === "lines" ? protocol : protocol && refusalOf(protocol, parts);
  };
  return {
    door: {
      isTransport: true,
      meet(arrival) {
        arrival.inspect = inspect;
        sockets.add(arrival.socket);
        arrival.pass();
      },
    },
    extra: () => ({
      // Around what other extras do with its lines: what a client has sent is looked at as it came.
      joined(member) {
        if (sockets.delete(member.cursor.socket))
          member.lines = new InspectedLines(member, member.lines, inspect);
      },
    }),
  };
}

/** What a client speaks, by all that it has sent so far; undefined while that is not known. */
export function protocolOf(bytes: Buffer): Protocol | "lines" | undefined {
  // Without the end of a line behind empty ones, the start tells all that is known.
  const text = bytes.toString("latin1", 0, bytes.includes(LF, 4) ? bytes.length : START_BYTES);
  const [other] = PROTOCOLS.find(([, beginning]) => beginning.test(text)) ?? [];
  return other ?? (BEGUN.test(text) ? undefined : "lines");
}

/** What its client is told is an answer of HTTP, if it speaks that. */
function refusalOf(protocol: Protocol, parts: readonly Part[]): Required<DisconnectReason> {
  const reason = LASTING.speaks(protocol);
  if (protocol !== "HTTP") return { reason, message: reason };
  const [page] = parts.flatMap((part) => part.page?.() ?? []);
  const where = page === undefined ? "" : ` Its page for browsers is at ${page}`;
  const body = `This is a chat room, not a web server: join it with linechat, nc or telnet.${where}\n`;
  const head =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n";
  return { reason, message: `${head}Content-Length: ${body.length}\r\n\r\n${body}` };
}

/** Lines of a member that are inspected at their beginning, and then left to themselves. */
class InspectedLines extends WrappedLines {
  readonly #member: Member;
  readonly #inspect: Inspect;
  /** All that has come, until it is known what that is. */
  #begun: Buffer | undefined = NOTHING;
  #refusal: DisconnectReason | undefined;

  constructor(member: Member, lines: Lines, inspect: Inspect) {
    super(lines);
    this.#member = member;
    this.#inspect = inspect;
  }

  override get objection(): DisconnectReason | undefined {
    return super.objection ?? this.#refusal;
  }

  /** What ends the first line is inspected before it is put in, so that a request is never whole. */
  override push(chunk: Uint8Array): void {
    if (this.#isOfLines(chunk)) super.push(chunk);
  }

  override end(): void {
    if (this.#isOfLines(Uint8Array.of(LF))) super.end();
  }

  #isOfLines(chunk: Uint8Array): boolean {
    if (this.#begun) {
      const received = Buffer.concat([this.#begun, chunk]);
      const found = this.#inspect(received);
      this.#begun = found === undefined ? received : undefined;
      if (typeof found === "object") this.#refusal = found;
      else if (found) this.#member.lines = this.within;
    }
    return this.#refusal === undefined;
  }
}
