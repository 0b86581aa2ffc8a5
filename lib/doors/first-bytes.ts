/** What a client sends first, where something is asked for. */

import type { Secrets } from "../extras/part.ts";
import { LASTING } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Arrival } from "./door.ts";

/** Whether TLS begins so: a record of type 22, a handshake, in version 3.x (RFC 8446, 5.1). */
export function greetsInTls([type, major, minor = 0xff]: Uint8Array): boolean {
  return type === 22 && major === 3 && minor <= 4;
}

/**
 * Holds a connection until a door can tell by its first line, and refuses one that begins TLS in vain.
 *
 * @param read told each time of what there is of the line, and whether that is all of it
 * @param late why it is refused after `withinMs`
 */
export function awaitLine(
  arrival: Arrival,
  { tls }: Secrets,
  withinMs: number,
  read: (line: Buffer, isWhole: boolean) => void,
  late: string,
): void {
  arrival.hold({
    withinMs,
    read(received, isAll) {
      if (tls === undefined && greetsInTls(received)) return arrival.refuse(LASTING.speaksTls);
      const end = received.indexOf(LF);
      if (end < 0 && arrival.isCutOff) return arrival.failed("cut off");
      read(end < 0 ? received : received.subarray(0, end), end >= 0 || isAll);
    },
    late: () => arrival.refuse(late),
  });
}
