/** The records of TLS as they pass, encrypted (RFC 8446, 5.1; RFC 5246, 6.2): how a connection ends. */

const ALERT = 21;
const APPLICATION_DATA = 23;
const HEADER_BYTES = 5;
/** In TLS 1.3, what a record is longer by than what is in it: the inner type and the AEAD's tag. */
const SEALED_BYTES = 17;
const ALERT_BYTES = 2;

/**
 * Tells whether a connection was ended by close_notify (RFC 8446, 6.1), which Bun keeps to itself.
 * Somebody in between can end a TCP connection anywhere, but cannot make that last record.
 *
 * In TLS 1.2 the type of a record is in the clear. In TLS 1.3 an alert looks like two bytes of
 * data, so it is counted whether the records that have come together held more than was decrypted.
 */
export class TlsRecords {
  /** The start of a record, of which more has to come. */
  #rest: Uint8Array = new Uint8Array(0);
  /** The last whole record. */
  #type = 0;
  #bodyBytes = 0;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the server's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    if (this.#rest.length > 0) return false;
    if (this.#type === ALERT) return true;
    const isShort = this.#bodyBytes === SEALED_BYTES + ALERT_BYTES;
    return this.#type === APPLICATION_DATA && isShort && this.#heldBack >= ALERT_BYTES;
  }

  /** Bytes have come from the server, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    let rest: Uint8Array = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (rest.length >= HEADER_BYTES) {
      const [type = 0, , , high = 0, low = 0] = rest;
      const bodyBytes = (high << 8) | low;
      if (rest.length < HEADER_BYTES + bodyBytes) break;
      this.#type = type;
      this.#bodyBytes = bodyBytes;
      if (type === APPLICATION_DATA) this.#heldBack += bodyBytes - SEALED_BYTES;
      rest = rest.subarray(HEADER_BYTES + bodyBytes);
    }
    this.#rest = rest;
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
