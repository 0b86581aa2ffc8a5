/** This end of the conversation: a terminal with a person, or a pipe with a program. */

/** Where a client takes what it says to a room from, and where it shows what it hears. */
export interface LocalEnd extends Notes {
  /** What is said here, in pieces, up to the end of input. */
  said(): AsyncIterable<Uint8Array>;
  /**
   * Shows what was said in the room.
   *
   * @param bytes as they arrived
   * @returns once there is room for more: whether anybody still looks
   */
  show(bytes: Uint8Array): Promise<boolean>;
  /** Shows what is still to be shown, and leaves everything as it was found. */
  close(): Promise<void>;
}

/** What the client says about itself. */
export interface Notes {
  /** Says that something has happened, in one line that stays. */
  note(event: string): void;
  /** Says what is going on, in one line that changes; undefined takes it away. */
  status(activity: string | undefined): void;
}
