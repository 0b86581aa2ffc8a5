/** What ends a line. */
export const LF = 0x0a;
