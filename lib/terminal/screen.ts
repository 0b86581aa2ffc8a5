/**
 * What a person sees: lines scroll by above, what is being typed stays below. It is painted once a
 * frame and in one write: take the prompt away, add new lines, put the prompt back. So a paste, a
 * flood, a resized window and a wrapped line are all the same case.
 */

/** What stays below, which may have colours: rows, cut where the screen ends, then what is typed. */
export type Below = { above: string[]; before: string; after: string };

/** The shortest time between two frames; more of what is too long for one follows at once. */
const FRAME_MS = 16;
/**
 * Until a window was not resized for so long, nothing is painted: where the size is another one, a
 * frame does not find the way back, and tmux breaks rows again up to 250 ms before it tells of it.
 */
const SETTLE_MS = 300;
/** The most characters of lines to show at once, so that typing never waits for long. */
const FRAME_LENGTH_MAX = 16 << 10;

const UP = "\x1b[A";

/** A painter on stdout, which is a terminal. Opened once, at most. */
export class Screen {
  readonly #below: () => Below;
  /** Whole lines that are to be shown above the prompt. */
  #unshown = "";
  #changed = false;
  /** What the next frame begins with, before it takes away what is painted below the lines. */
  #start = "";
  #painted = NOTHING_BELOW;
  /** Whether its window was closed, or the like: nothing can be shown, and nothing set right. */
  gone = false;
  /** Whether another program goes on there. */
  #left = false;
  #size = windowSize();
  #frames: Promise<void> | undefined;
  #nextFrameMs = 0;

  constructor(below: () => Below) {
    this.#below = below;
    process.stdout.on("resize", () => this.paintSoon());
  }

  /** Adds whole lines to what is to be shown above. */
  add(lines: string): void {
    this.#unshown += lines;
    this.paintSoon();
  }

  ring(): void {
    this.#start ||= "\x07";
    this.paintSoon();
  }

  /** Waits until all that was added is on the screen; returns whether there is still a screen. */
  async shown(): Promise<boolean> {
    await this.#frames;
    return !this.gone;
  }

  paintSoon(): void {
    if (this.#left) return;
    this.#changed = true;
    this.#frames ??= this.#paintFrames();
  }

  /** Begins again, on an empty screen or else on the row where the cursor is. */
  restart(empty: boolean): void {
    this.#left = false;
    this.#painted = NOTHING_BELOW;
    this.#start = empty ? "\x1b[H\x1b[2J" : "";
    this.paintSoon();
  }

  /** Shows everything, and nothing below, for another program to go on there; returns once done. */
  async leave(): Promise<void> {
    this.#left = false;
    this.paintSoon();
    this.#left = true;
    await this.#frames;
  }

  async #paintFrames(): Promise<void> {
    while (this.#changed) {
      await Bun.sleep(Math.max(0, this.#nextFrameMs - performance.now()));
      await this.#paint();
    }
    this.#frames = undefined;
  }

  /** Paints a frame, the last one if this is left; returns when it is done. */
  async #paint(): Promise<void> {
    if (this.gone) return void (this.#changed = false);
    const [left, size] = [this.#left, this.#size];
    const below = left ? NOTHING_BELOW : layOut(this.#below(), ...size);
    // The event that tells of another size comes late: so it is asked for, as late as can be.
    this.#size = windowSize();
    const isResized = `${size}` !== `${this.#size}` && !left;
    if (isResized) return void (this.#nextFrameMs = performance.now() + SETTLE_MS);

    const lines = this.#unshown;
    const lengthMax = left ? lines.length : FRAME_LENGTH_MAX;
    const end = lines.lastIndexOf("\n", lengthMax) + 1 || lines.indexOf("\n") + 1;
    const shown = lines.slice(0, end).replaceAll("\n", "\r\n");
    const frame = this.#start + wayBack(this.#painted, this.#size[0]) + shown + textOf(below);
    this.#unshown = lines.slice(end);
    this.#changed = this.#unshown !== "";
    this.#start = "";
    this.#painted = below;
    this.#nextFrameMs = this.#changed ? 0 : performance.now() + FRAME_MS;
    await new Promise<void>((resolve) => process.stdout.write(frame, () => resolve()));
  }
}

function windowSize(): [columns: number, rows: number] {
  const [columns, rows] = process.stdout.getWindowSize();
  return [columns || 80, rows || 24];
}

/** One row of a terminal, and the columns it takes: the most of them, where terminals differ. */
export type Row = { text: string; width: number };

/** The rows below the lines; which of them has the cursor, and its part before that. */
type Rows = { rows: Row[]; at: number; toCursor: Row };

const EMPTY_ROW: Row = { text: "", width: 0 };
const NOTHING_BELOW: Rows = { rows: [EMPTY_ROW], at: 0, toCursor: EMPTY_ROW };

/** The rows of all that is below; if they do not all fit, those around the cursor. */
function layOut({ above, before, after }: Below, columns: number, windowRows: number): Rows {
  const top = above.slice(Math.max(0, above.length + 2 - windowRows)).map((text) => {
    const [row = EMPTY_ROW] = wrap(text, columns);
    return { text: `${row.text}\x1b[m`, width: row.width };
  });
  const rows = wrap(before, columns);
  // Behind a full row the cursor stands at the start of the next.
  if (rows.at(-1)?.width === columns) rows.push({ ...EMPTY_ROW });
  const at = rows.length - 1;
  const toCursor = { ...EMPTY_ROW, ...rows[at] };
  wrap(after, columns, rows);
  const height = Math.max(1, windowRows - 1 - top.length);
  const first = Math.max(0, Math.min(at - Math.floor(height / 2), rows.length - height));
  const shown = rows.slice(first, first + height);
  return { rows: [...top, ...shown], at: top.length + at - first, toCursor };
}

/** The rows, and the cursor's again up to it: so it is where this terminal has that character. */
function textOf({ rows, at, toCursor }: Rows): string {
  const all = rows.map((row) => row.text).join("\r\n");
  return `${all}\x1b[m${UP.repeat(rows.length - 1 - at)}\r${toCursor.text}`;
}

/** From the cursor to the first of the rows; terminals break them again when they get narrower. */
function wayBack({ rows, at, toCursor }: Rows, columns: number): string {
  const height = (some: Row[]) =>
    some.reduce((sum, { width }) => sum + Math.max(1, Math.ceil(width / columns)), 0);
  // In two steps: some terminals keep what is erased from the first column of a screen as history.
  const eraseRest = height(rows) > 1 ? `\x1b[B\x1b[J${UP}` : "";
  return `${UP.repeat(height([...rows.slice(0, at), toCursor]) - 1)}\r\x1b[K${eraseRest}`;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Breaks text with TAB and SGR sequences where a terminal would, to be written with a line break
 * after each row: so their number does not depend on a terminal's idea of an emoji. (`Bun.wrapAnsi`
 * breaks coloured text at spaces whatever it is told, and Hangul and emoji in two.)
 *
 * @param rows to the last of which the text is added
 */
export function wrap(text: string, columns: number, rows = [{ ...EMPTY_ROW }]): Row[] {
  let row = rows.at(-1) ?? { ...EMPTY_ROW };
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
