/**
 * Whether a connection over TLS was ended by close_notify (RFC 8446, 6.1), which Bun keeps to itself.
 * Its records tell that as they pass, encrypted (RFC 8446, 5.1; RFC 5246, 6.2).
 */

const [ALERT, APPLICATION_DATA] = [21, 23];
const HEADER_BYTES = 5;
/** In TLS 1.3, what a record is longer by than what is in it: the inner type and the AEAD's tag. */
const SEALED_BYTES = 17;
const ALERT_BYTES = 2;

/**
 * What a peer sends, seen beneath TLS. Somebody in between can end a TCP connection anywhere, but
 * cannot make that last record.
 *
 * In TLS 1.2 the type of a record is in the clear. In TLS 1.3 an alert looks like two bytes of
 * data, so it is counted whether the records that have come together held more than was decrypted.
 */
export class TlsRecords {
  /** The header of the last record, as far as it has come; and how much of the record, if not all. */
  #header = Buffer.alloc(0);
  #begunBytes = 0;
  /** How much data the last whole record held, by TLS 1.3. */
  #heldBytes = 0;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the peer's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const isShort = this.#heldBytes === ALERT_BYTES && this.#heldBack >= ALERT_BYTES;
    return this.#begunBytes === 0 && (this.#header[0] === ALERT || isShort);
  }

  /** Bytes have come from the peer, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    // Only a header is kept: to put records together would be to copy all that comes.
    for (let start = -this.#begunBytes, end = 0; start < bytes.length; start = end) {
      const begun = this.#header.subarray(0, Math.max(0, -start));
      const rest = bytes.subarray(Math.max(0, start), Math.max(0, start + HEADER_BYTES));
      this.#header = Buffer.concat([begun, rest]);
      const isWhole = this.#header.length === HEADER_BYTES;
      end = isWhole ? start + HEADER_BYTES + this.#header.readUInt16BE(3) : Infinity;
      this.#begunBytes = end > bytes.length ? bytes.length - start : 0;
      if (this.#begunBytes > 0) return;
      const isData = this.#header[0] === APPLICATION_DATA;
      this.#heldBytes = isData ? end - start - HEADER_BYTES - SEALED_BYTES : 0;
      this.#heldBack += this.#heldBytes;
    }
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
