/**
 * Whether a connection over TLS was ended by close_notify (RFC 8446, 6.1), which Bun keeps to itself.
 * Its records tell that as they pass, encrypted (RFC 8446, 5.1; RFC 5246, 6.2).
 */

const ALERT = 21;
const APPLICATION_DATA = 23;
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
  /** What has come of a record that is not whole. */
  #begun = Buffer.alloc(0);
  /** The type of the last whole record, and how much it held by TLS 1.3. */
  #type = 0;
  #heldBytes = 0;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the peer's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const isShort = this.#type === APPLICATION_DATA && this.#heldBytes === ALERT_BYTES;
    const isAlert = this.#type === ALERT || (isShort && this.#heldBack >= ALERT_BYTES);
    return isAlert && this.#begun.length === 0;
  }

  /** Bytes have come from the peer, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    const all = Buffer.concat([this.#begun, bytes]);
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + all.readUInt16BE(at + 3);
      if (end > all.length) break;
      this.#type = all.readUInt8(at);
      this.#heldBytes = end - at - HEADER_BYTES - SEALED_BYTES;
      if (this.#type === APPLICATION_DATA) this.#heldBack += this.#heldBytes;
      at = end;
    }
    this.#begun = Buffer.from(all.subarray(at));
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
