/** What a client's first bytes tell about it. */

/** How many of them are needed to tell. */
export const FIRST_BYTES = 3;

/**
 * Whether TLS begins so: a record of type 22, version 3.x, with a ClientHello (RFC 8446, 5.1). The
 * first three bytes decide, and the sixth if it is there.
 */
export function greetsInTls([type, major, minor = 0xff, , , message = 1]: Uint8Array): boolean {
  return type === 22 && major === 3 && minor <= 4 && message === 1;
}
