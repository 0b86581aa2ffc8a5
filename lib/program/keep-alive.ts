/** What both ends of a connection do to notice that the other one is gone. */

/** The time from the last byte of a silent peer to the first probe whether it is still there. */
export const KEEP_ALIVE_MS = 60_000;
