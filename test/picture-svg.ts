/** Draws terminals as they are, side by side, as one SVG. */

import type { Tmux } from "./terminal/tmux.ts";

const CELL = { width: 8.43, height: 18 };
const MARGIN = 14;
const TITLE_HEIGHT = 30;
const GAP = 16;
const FOREGROUND = "#d6d9e0";
const BACKGROUND = "#171a21";
/** The colours of SGR 31 to 36 and 91 to 96. */
const COLOURS: Record<number, string> = {
  ...{ 31: "#e5707a", 32: "#8cc570", 33: "#dcb55f", 34: "#5f9fe8", 35: "#c07be0", 36: "#4fb8c4" },
  ...{ 91: "#ff8f98", 92: "#a8e08a", 93: "#f5d27e", 94: "#86bdff", 95: "#dc9cf7", 96: "#74d9e4" },
};

/** What a terminal shows. */
export interface Screen {
  title: string;
  /** With SGR sequences. */
  rows: string[];
  cursor: { column: number; row: number };
}

/** How large a terminal is, in characters. */
export interface Size {
  columns: number;
  rows: number;
}

/** What a terminal shows now. */
export async function look(title: string, terminal: Tmux): Promise<Screen> {
  return { title, rows: await terminal.colouredScreen(), cursor: await terminal.cursor() };
}

/** Returns the SVG. */
export function draw(
  caption: string,
  { columns, rows: rowsShown }: Size,
  screens: Screen[],
): string {
  const width = columns * CELL.width + 2 * MARGIN;
  const height = TITLE_HEIGHT + rowsShown * CELL.height + 2 * MARGIN;
  const total = screens.length * (width + GAP) - GAP;
  const windows = screens.map(({ title, rows, cursor }, index) => {
    const lines = drawRows(rows);
    const x = MARGIN + cursor.column * CELL.width;
    const y = TITLE_HEIGHT + MARGIN + cursor.row * CELL.height;
    return `<g transform="translate(${number(index * (width + GAP))} 0)">
<rect width="${number(width)}" height="${height}" rx="8" fill="${BACKGROUND}"/>
<text x="${number(width / 2)}" y="20" text-anchor="middle" fill="#8b93a5">${title}</text>
<rect x="${number(x)}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill="${FOREGROUND}" opacity="0.7"/>
${lines.join("\n")}
</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${number(total)} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<title>${caption}</title>
${windows.join("\n")}
</svg>
`;
}

/** Each row as a text for each piece of one style, which goes on from row to row. */
function drawRows(rows: string[]): string[] {
  let [colour, dim] = [FOREGROUND, ""];
  return rows.map((row, index) => {
    const y = TITLE_HEIGHT + MARGIN + index * CELL.height + 14;
    let column = 0;
    let drawn = "";
    for (const [at, piece] of row.split(/\x1b\[([\d;]*)m/).entries()) {
      for (const code of at % 2 === 1 ? piece.split(";").map(Number) : []) {
        colour = code === 0 || code === 39 ? FOREGROUND : (COLOURS[code] ?? colour);
        if (code === 2) dim = ' opacity="0.6"';
        if (code === 0 || code === 22) dim = "";
      }
      if (at % 2 === 1 || piece === "") continue;
      const [x, width] = [MARGIN + column * CELL.width, piece.length * CELL.width].map(number);
      drawn += `<text x="${x}" y="${y}" textLength="${width}" xml:space="preserve" fill="${colour}"${dim}>${Bun.escapeHTML(piece)}</text>`;
      column += piece.length;
    }
    return drawn;
  });
}

function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
