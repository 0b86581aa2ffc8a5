/**
 * The local side of a conversation, a pipe or a terminal, as the client needs it: where the lines
 * come from that are sent, where those that are received go, and where the client reports.
 */

/** Where a client takes the lines from that it sends, and where it shows those it receives. */
export interface LocalSide {
  /**
   * Lines to send, in pieces of any length, up to the end of input. To ask for the next piece tells
   * that the last one was sent.
   */
  readonly lines: AsyncIterable<Uint8Array>;
  /**
   * Shows bytes as they were received, which are handed over with their memory. Resolves once there
   * is room for more, which is back-pressure, with whether anybody still reads them.
   *
   * @throws {UserError} that says why they cannot be shown
   */
  show(bytes: Uint8Array): Promise<boolean>;
  /** Resolves when it turns out that nobody reads any more; rejects as `show` does. */
  gone?(): Promise<void>;
  /** Shows what is still to be shown, and leaves everything as it was found. */
  close(): Promise<void>;
}

/** Where the client reports what it does. */
export interface Notes {
  /** Reports an event, in one line that stays. */
  note(event: string): void;
  /** Reports what is going on, in one line that changes; an empty one is removed. */
  status(activity: string): void;
}
