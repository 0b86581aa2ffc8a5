/** What a client sends first, where something is asked for. */

import type { Secrets } from "../extras/part.ts";
import { SPEAKS_TLS } from "../program/server-messages.ts";
import type { Arrival } from "./door.ts";

/** How many bytes tell whether TLS begins. */
export const FIRST_BYTES = 3;

/**
 * Whether TLS begins so: a record of type 22, version 3.x, with a ClientHello (RFC 8446, 5.1). The
 * first three bytes decide, and the sixth if it is there.
 */
export function greetsInTls([type, major, minor = 0xff, , , message = 1]: Uint8Array): boolean {
  return type === 22 && major === 3 && minor <= 4 && message === 1;
}

/**
 * Holds a connection until it has sent what a door wants, and refuses one that begins TLS in vain.
 *
 * @param read told each time of all that was received, and at the end of its input that this is all
 * @param late why it is refused after `withinMs`
 */
export function awaitBytes(
  arrival: Arrival,
  { tls }: Secrets,
  withinMs: number,
  read: (received: Buffer, isAll: boolean) => void,
  late: string,
): void {
  let received = Buffer.alloc(0);
  arrival.hold({
    withinMs,
    received(bytes) {
      received = Buffer.concat([received, bytes]);
      if (tls === undefined && greetsInTls(received)) arrival.refuse(SPEAKS_TLS);
      else read(received, false);
    },
    ended: () => read(received, true),
    late: () => arrival.refuse(late),
  });
}
