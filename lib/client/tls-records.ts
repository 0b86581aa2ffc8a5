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
  readonly #header: number[] = [];
  #bodyBytes = 0;
  /** What is missing of the body of the last record. */
  #missing = 0;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the server's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const [type] = this.#header;
    if (this.#missing > 0 || this.#header.length < HEADER_BYTES) return false;
    if (type === ALERT) return true;
    const isShort = this.#bodyBytes === SEALED_BYTES + ALERT_BYTES;
    return type === APPLICATION_DATA && isShort && this.#heldBack >= ALERT_BYTES;
  }

  /** Bytes have come from the server, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#missing > 0) {
        const part = Math.min(this.#missing, bytes.length - at);
        at += part;
        this.#missing -= part;
        const isSealed = this.#missing === 0 && this.#header[0] === APPLICATION_DATA;
        if (isSealed) this.#heldBack += this.#bodyBytes - SEALED_BYTES;
        continue;
      }
      if (this.#header.length === HEADER_BYTES) this.#header.length = 0;
      this.#header.push(bytes[at++] ?? 0);
      const [, , , high = 0, low = 0] = this.#header;
      if (this.#header.length === HEADER_BYTES) this.#missing = this.#bodyBytes = (high << 8) | low;
    }
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
