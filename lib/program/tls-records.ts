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
  /** What has come of the header of a record, and how much of the record is still to come. */
  #header: number[] = [];
  #bytesLeft = 0;
  /** Whether the last whole record is an alert; if not, whether it is as long as one of TLS 1.3. */
  #isAlert = false;
  #isShort = false;
  /** What the last records held that have come together, as far as it was not decrypted. */
  #heldBack = 0;

  /** Whether the last record was the peer's close_notify, so far as it can be told. */
  get endedInOrder(): boolean {
    const isAlert = this.#isAlert || (this.#isShort && this.#heldBack >= ALERT_BYTES);
    return isAlert && this.#header.length === 0;
  }

  /** Bytes have come from the peer, encrypted. */
  received(bytes: Uint8Array): void {
    this.#heldBack = 0;
    for (let at = 0; at < bytes.length;) {
      const isHeader = this.#header.length < HEADER_BYTES;
      const end = at + (isHeader ? HEADER_BYTES - this.#header.length : this.#bytesLeft);
      const part = bytes.subarray(at, end);
      at += part.length;
      if (isHeader) this.#header.push(...part);
      this.#bytesLeft = isHeader ? this.#recordBytes : this.#bytesLeft - part.length;
      if (this.#header.length === HEADER_BYTES && this.#bytesLeft === 0) this.#recordEnded();
    }
  }

  /** So many bytes of those have been decrypted and handed on. */
  decrypted(count: number): void {
    this.#heldBack -= count;
  }

  /** The length that the header tells, as far as it has come. */
  get #recordBytes(): number {
    const [, , , high = 0, low = 0] = this.#header;
    return high * 256 + low;
  }

  #recordEnded(): void {
    const isData = this.#header[0] === APPLICATION_DATA;
    const heldBytes = this.#recordBytes - SEALED_BYTES;
    if (isData) this.#heldBack += heldBytes;
    this.#isAlert = this.#header[0] === ALERT;
    this.#isShort = isData && heldBytes === ALERT_BYTES;
    this.#header = [];
  }
}
