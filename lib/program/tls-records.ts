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
  /** Whether the last whole record is an alert; if not, whether it is as long as one of TLS 1.3. */
  #isAlert = false;
  #isShort = false;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the peer's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const isAlert = this.#isAlert || (this.#isShort && this.#heldBack >= ALERT_BYTES);
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
      const isData = all[at] === APPLICATION_DATA;
      const heldBytes = end - at - HEADER_BYTES - SEALED_BYTES;
      if (isData) this.#heldBack += heldBytes;
      this.#isAlert = all[at] === ALERT;
      this.#isShort = isData && heldBytes === ALERT_BYTES;
      at = end;
    }
    this.#begun = Buffer.from(all.subarray(at));
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }
}
