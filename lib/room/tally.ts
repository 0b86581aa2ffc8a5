/** What there was to do in a room, in figures that only grow. */
export class Tally {
  /** Lines said, if `countLines` is on. */
  lines = 0;
  /** Bytes that sockets have taken from the log, or as a word to a newcomer. */
  deliveredBytes = 0;
  /** How long talkers have waited for readers, in ms: a clock that runs only meanwhile. */
  heldUpMs = 0;
}
