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
  const above = wrap(before, columns);
  // Behind a full row the cursor stands at the start of the next.
  if (above.at(-1)?.width === columns) above.push(EMPTY_ROW);
  const toCursor = above.pop() ?? EMPTY_ROW;
  const rows = [...above, ...wrap(after, columns, toCursor)];
  const height = Math.max(1, windowRows - 1);
  const middle = above.length - Math.floor(height / 2);
  const first = Math.max(0, Math.min(middle, rows.length - height));
  return { rows: rows.slice(first, first + height), cursorRow: above.length - first, toCursor };
}

/** The rows, and the way to the cursor. */
export function textOf({ rows, cursorRow, toCursor }: Rows): string {
  const all = rows.map((row) => row.text).join("\r\n");
  const back = UP.repeat(rows.length - 1 - cursorRow);
  return `${all}\x1b[m${back}${move(back + rows.at(-1)?.text, toCursor.text)}`;
}

/** What a key changes in the row of the cursor; undefined if it changes another one, or colours. */
export function changeOf(from: Rows, to: Rows): string | undefined {
  const others = ({ rows, cursorRow }: Rows) =>
    JSON.stringify([cursorRow, rows.map(({ text }, row) => row !== cursorRow && text)]);
  if (others(from) !== others(to)) return undefined;
  const before = from.rows[from.cursorRow] ?? EMPTY_ROW;
  const after = to.rows[to.cursorRow] ?? EMPTY_ROW;
  if (before.text === after.text) return move(from.toCursor.text, to.toCursor.text);
  const kept = commonStart(before.text, after.text);
  const rest = after.text.slice(kept.length);
  if ((before.text.slice(kept.length) + rest).includes("\x1b")) return undefined;
  const change = rest + (after.width < before.width ? "\x1b[K" : "");
  return move(from.toCursor.text, kept) + change + move(after.text, to.toCursor.text);
}

/** What is of one column everywhere. */
const PLAIN = /^(?:[ -~]|\x1b\[[\d;]*m)*$/;

/** From behind some text in a row to behind other: where this terminal has that character. */
function move(from: string, to: string): string {
  if (from === to) return "";
  if (!PLAIN.test(to)) return `\r${to}\x1b[m`;
  const width = Bun.stringWidth(to);
  return width > 0 ? `\r\x1b[${width}C` : "\r";
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
  // Back to where it was, as there is no row below once a window has got lower.
  const eraseRest = height(...rows) > 1 ? `\x1b7${DOWN}\x1b[J\x1b8` : "";
  return `${UP.repeat(height(...rows.slice(0, cursorRow), toCursor) - 1)}\r\x1b[K${eraseRest}`;
}

/** Takes text apart into characters as they are seen. */
export const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Breaks lines with TAB and SGR sequences where a terminal would, to be written with a line break
 * after each row: so their number does not depend on a terminal's idea of an emoji. (`Bun.wrapAnsi`
 * breaks coloured text at spaces whatever it is told, and Hangul and emoji in two.)
 *
 * @param start what the first row begins with
 */
export function wrap(text: string, columns: number, start = EMPTY_ROW): Row[] {
  let row = { ...start };
  const rows = [row];
  for (const [index, part] of text.split(/(\x1b\[[\d;]*m|\n)/).entries()) {
    if (part === "\n") rows.push((row = { ...EMPTY_ROW }));
    else if (index % 2 === 1) row.text += part;
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
  if (/^[ -~]$/.test(cluster)) return 1;
  const apart = [...cluster].reduce((sum, codePoint) => sum + Bun.stringWidth(codePoint), 0);
  return Math.max(apart, Bun.stringWidth(cluster));
}
