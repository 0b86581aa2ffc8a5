/** What a client sends first: lines, or another protocol, which is refused. */

import type { Context, Part } from "../extras/part.ts";
import { LASTING } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { DisconnectReason } from "../room/socket.ts";
import type { Arrival, Hold } from "./door.ts";

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
/** No line that a door waits for is longer, in bytes, nor is the start of a request for it. */
const LINE_BYTES_MAX = 16 << 10;

export type Protocol = (typeof PROTOCOLS)[number][0];

/** What a client speaks, by all that it has sent so far; undefined while that is not known. */
export function protocolOf(bytes: Buffer): Protocol | "lines" | undefined {
  // Without the end of a line behind empty ones, the start tells all that is known.
  const text = bytes.toString("latin1", 0, bytes.includes(LF, 4) ? bytes.length : START_BYTES);
  const [other] = PROTOCOLS.find(([, beginning]) => beginning.test(text)) ?? [];
  return other ?? (BEGUN.test(text) ? undefined : "lines");
}

/** The same at the end of input, which ends a line too. */
export const withLineEnd = (bytes: Uint8Array) => Buffer.concat([bytes, Uint8Array.of(LF)]);

/** Why a protocol is refused, and what its client is told: by an answer of HTTP, if it speaks that. */
export function refusalOf(protocol: Protocol, parts: readonly Part[]): Required<DisconnectReason> {
  const reason = LASTING.speaks(protocol);
  if (protocol !== "HTTP") return { reason, message: reason };
  const [page] = parts.flatMap((part) => part.page?.() ?? []);
  const where = page === undefined ? "" : ` Its page for browsers is at ${page}`;
  const body = `This is a chat room, not a web server: join it with linechat, nc or telnet.${where}\n`;
  const head =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n";
  return { reason, message: `${head}Content-Length: ${body.length}\r\n\r\n${body}` };
}

/**
 * Holds a connection until a door can tell by its first line, and refuses what speaks another protocol.
 *
 * @param read told each time of what there is of the line, and whether that is all of it
 * @param late why it is refused after `withinMs`
 */
export function awaitLine(
  arrival: Arrival,
  { parts }: Pick<Context, "parts">,
  withinMs: number,
  read: (line: Buffer, isWhole: boolean) => void,
  late: string,
): void {
  const hold: Hold = {
    withinMs,
    read(received, isAll) {
      const bytes = isAll && !arrival.isCutOff ? withLineEnd(received) : received;
      const protocol = protocolOf(bytes);
      const end = bytes.indexOf(LF);
      if (protocol !== undefined && protocol !== "lines") {
        const { reason, message } = refusalOf(protocol, parts);
        arrival.refuse(reason, message);
      } else if (protocol === "lines" || end >= 0 || bytes.length > LINE_BYTES_MAX)
        read(end < 0 ? bytes : bytes.subarray(0, end), end >= 0);
      if (arrival.isCutOff && arrival.held === hold) arrival.failed("cut off");
    },
    late: () => arrival.refuse(late),
  };
  arrival.hold(hold);
}
