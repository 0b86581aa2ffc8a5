/** What ends a line, and how many lines there are. */

export const LF = 0x0a;

/** @param run whole lines */
export function countLines(run: Uint8Array): number {
  let lines = 0;
  for (let at = run.indexOf(LF); at >= 0; at = run.indexOf(LF, at + 1)) lines++;
  return lines;
}
