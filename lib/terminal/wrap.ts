/** Lays text out in the rows of a terminal, wide characters and combining marks included. */

/** One row of a terminal, and the columns it takes: the most of them, where terminals differ. */
export type Row = { text: string; width: number };

const TAB_COLUMNS = 8;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Breaks text where a terminal would, into at least one row. The rows are to be written with a line
 * break after each, so that their number does not depend on a terminal's idea of an emoji.
 * (`Bun.wrapAnsi` breaks coloured text at spaces whatever it is told, and Hangul and emoji in two.)
 *
 * @param text printable text with TAB and SGR sequences, without LF
 * @param columns the width of the terminal, at least 1
 */
export function wrap(text: string, columns: number): Row[] {
  let row: Row = { text: "", width: 0 };
  const rows = [row];
  for (const [index, part] of text.split(/(\x1b\[[\d;]*m)/).entries()) {
    if (index % 2 === 1) {
      row.text += part;
      continue;
    }
    for (const { segment } of segmenter.segment(part)) {
      const isTab = segment === "\t";
      const width = isTab ? TAB_COLUMNS - (row.width % TAB_COLUMNS) : widthOf(segment);
      if (row.width + width > columns && row.width > 0) rows.push((row = { text: "", width: 0 }));
      row.text += isTab ? " ".repeat(Math.min(width, columns)) : segment;
      row.width += Math.min(width, columns);
    }
  }
  return rows;
}

/** Some terminals show a cluster as one character, others its code points side by side. */
function widthOf(cluster: string): number {
  if (cluster.length === 1 && cluster >= " " && cluster <= "~") return 1;
  const apart = [...cluster].reduce((sum, codePoint) => sum + Bun.stringWidth(codePoint), 0);
  return Math.max(apart, Bun.stringWidth(cluster));
}
