/** Draws terminals as they are, side by side, as one SVG. */

import type { Tmux } from "./terminal/tmux.ts";

const CELL = { width: 8, height: 18 };
const MARGIN = 14;
const TITLE_HEIGHT = 30;
const GAP = 16;
const FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const FOREGROUND = "#d6d9e0";
const BACKGROUND = "#171a21";
/** The colours of SGR 31 to 36 and 91 to 96. */
const COLOURS: Record<number, string> = {
  ...{ 31: "#e5707a", 32: "#8cc570", 33: "#dcb55f", 34: "#5f9fe8", 35: "#c07be0", 36: "#4fb8c4" },
  ...{ 91: "#ff8f98", 92: "#a8e08a", 93: "#f5d27e", 94: "#86bdff", 95: "#dc9cf7", 96: "#74d9e4" },
};

/** How large a terminal is, in characters. */
export interface Size {
  columns: number;
  rows: number;
}

/**
 * Returns the SVG.
 *
 * @param terminals by their titles, all of this size
 * @param shown what stands in the picture for a row, which has SGR sequences
 */
export async function draw(
  caption: string,
  { columns, rows }: Size,
  terminals: Record<string, Tmux>,
  shown: (row: string) => string,
): Promise<string> {
  const width = columns * CELL.width + 2 * MARGIN;
  const height = TITLE_HEIGHT + rows * CELL.height + 2 * MARGIN;
  const windows: string[] = [];
  for (const [title, terminal] of Object.entries(terminals)) {
    const { column, row } = await terminal.cursor();
    const x = MARGIN + column * CELL.width;
    const y = TITLE_HEIGHT + MARGIN + row * CELL.height;
    windows.push(`<g transform="translate(${windows.length * (width + GAP)} 0)">
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
<text x="${width / 2}" y="20" text-anchor="middle" fill="#8b93a5">${title}</text>
<rect x="${x}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill="${FOREGROUND}" opacity="0.7"/>
${drawRows((await terminal.colouredScreen()).map(shown))}
</g>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${windows.length * (width + GAP) - GAP} ${height}" font-family="${FONT}" font-size="13.3">
<title>${caption}</title>
${windows.join("\n")}
</svg>
`;
}

/** Each row as a text for each piece of one style, which goes on from row to row. */
function drawRows(rows: readonly string[]): string {
  let [colour, opacity] = [FOREGROUND, 1];
  const texts = rows.map((row, index) => {
    const y = TITLE_HEIGHT + MARGIN + index * CELL.height + 14;
    let x = MARGIN;
    return row.replace(/\x1b\[([\d;]*)m|[^\x1b]+/g, (piece, codes?: string) => {
      for (const code of codes?.split(";").map(Number) ?? []) {
        colour = code === 0 || code === 39 ? FOREGROUND : (COLOURS[code] ?? colour);
        opacity = code === 2 ? 0.6 : code === 0 || code === 22 ? 1 : opacity;
      }
      if (codes !== undefined) return "";
      const [at, width] = [x, piece.length * CELL.width];
      x += width;
      return `<text x="${at}" y="${y}" textLength="${width}" xml:space="preserve" fill="${colour}" opacity="${opacity}">${Bun.escapeHTML(piece)}</text>`;
    });
  });
  return texts.join("\n");
}
