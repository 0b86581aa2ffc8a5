/** The rows that stay below the lines on a screen: how text becomes rows, and rows others. */

/** Text before and after the cursor. */
export type Edited = { readonly before: string; readonly after: string };

const UP = "\x1b[A";
const DOWN = "\x1b[B";

/** One row of a terminal, and the columns it takes: the most of them, where terminals differ. */
type Row = { text: string; width: number };

const EMPTY_ROW: Row = { text: "", width: 0 };

/** The rows below the lines, of which one has the cursor behind a part of it. */
export type Rows = { rows: Row[]; cursorRow: number; toCursor: Row };

export const NOTHING_BELOW: Rows = { rows: [EMPTY_ROW], cursorRow: 0, toCursor: EMPTY_ROW };

/** The rows of all that is below; if they do not all fit, those around the cursor. */
export function layOut({ before, after }: Edited, columns: number, windowRows: number): Rows {
  const above = before.split("\n").flatMap((line) => wrap(line, columns));
  // Behind a full row the cursor stands at the start of the next.
  if (above.at(-1)?.width === columns) above.push(EMPTY_ROW);
  const toCursor = above.pop() ?? EMPTY_ROW;
  const [rest = "", ...more] = after.split("\n");
  const below = [wrap(rest, columns, toCursor), ...more.map((line) => wrap(line, columns))];
  const rows = [...above, ...below.flat()];
  const height = Math.max(1, windowRows - 1);
  const middle = above.length - Math.floor(height / 2);
  const first = Math.max(0, Math.min(middle, rows.length - height));
  return { rows: rows.slice(first, first + height), cursorRow: above.length - first, toCursor };
}

/** The rows, and the way to the cursor. */
export function textOf({ rows, cursorRow, toCursor }: Rows): string {
  const all = rows.map((row) => row.text).join("\r\n");
  const below = rows.length - 1 - cursorRow;
  const isThere = below === 0 && rows.at(-1)?.text === toCursor.text;
  return `${all}\x1b[m${UP.repeat(below)}${isThere ? "" : columnAfter(toCursor.text)}`;
}

/** What is of one column everywhere. */
const PLAIN = /^(?:[ -~]|\x1b\[[\d;]*m)*$/;

/** From anywhere in a row to behind some text in it: where this terminal has that character. */
function columnAfter(text: string): string {
  if (!PLAIN.test(text)) return `\r${text}\x1b[m`;
  const width = Bun.stringWidth(text);
  return width > 0 ? `\r\x1b[${width}C` : "\r";
}

/** What a key changes in the row of the cursor; undefined if it changes another one, or colours. */
export function changeOf(from: Rows, to: Rows): string | undefined {
  const at = to.cursorRow;
  const isSame = ({ text }: Row, row: number) => row === at || text === from.rows[row]?.text;
  if (from.cursorRow !== at || from.rows.length !== to.rows.length) return undefined;
  if (!to.rows.every(isSame)) return undefined;
  const { text: before, width: widthBefore } = from.rows[at] ?? EMPTY_ROW;
  const { text: after, width } = to.rows[at] ?? EMPTY_ROW;
  const kept = commonStart(before, after);
  const rest = after.slice(kept.length);
  if ((before.slice(kept.length) + rest).includes("\x1b")) return undefined;

  let cursor = from.toCursor.text;
  let change = "";
  if (before !== after) {
    change += cursor === kept ? rest : columnAfter(kept) + rest;
    if (width < widthBefore) change += "\x1b[K";
    cursor = after;
  }
  const target = to.toCursor.text;
  return cursor === target ? change : change + columnAfter(target);
}

/** As much as two texts have in common at their start, by characters as they are seen. */
function commonStart(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  const last = (text: string) => segmenter.segment(text).containing(length)?.index ?? length;
  return one.slice(0, Math.min(last(one), last(other)));
}

/** From the cursor to the first of the rows; terminals break them again when they get narrower. */
export function wayBack({ rows, cursorRow, toCursor }: Rows, columns: number): string {
  const height = (...some: Row[]) =>
    some.reduce((sum, { width }) => sum + Math.max(1, Math.ceil(width / columns)), 0);
  // In two steps: some terminals keep what is erased from the first column of a screen as history.
  const eraseRest = height(...rows) > 1 ? `${DOWN}\x1b[J${UP}` : "";
  return `${UP.repeat(height(...rows.slice(0, cursorRow), toCursor) - 1)}\r\x1b[K${eraseRest}`;
}

/** Takes text apart into characters as they are seen. */
export const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Breaks text with TAB and SGR sequences where a terminal would, to be written with a line break
 * after each row: so their number does not depend on a terminal's idea of an emoji. (`Bun.wrapAnsi`
 * breaks coloured text at spaces whatever it is told, and Hangul and emoji in two.)
 *
 * @param start what the first row begins with
 */
export function wrap(text: string, columns: number, start = EMPTY_ROW): Row[] {
  let row = { ...start };
  const rows = [row];
  for (const [index, part] of text.split(/(\x1b\[[\d;]*m)/).entries()) {
    if (index % 2 === 1) row.text += part;
    else
      for (const { segment } of segmenter.segment(part)) {
        const isTab = segment === "\t";
        const width = isTab ? 8 - (row.width % 8) : widthOf(segment);
        if (row.width + width > columns && row.width > 0) rows.push((row = { ...EMPTY_ROW }));
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
