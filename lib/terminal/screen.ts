/**
 * What a person sees: lines scroll by above, what is being typed stays below. It is painted once a
 * frame and in one write: take the prompt away, add new lines, put the prompt back. So a paste, a
 * flood, a resized window and a wrapped line are all the same case.
 */

/** Text before and after the cursor. */
export type Edited = { readonly before: string; readonly after: string };

/** The shortest time between two frames; more of what is too long for one follows at once. */
const FRAME_MS = 16;
/**
 * Until a window was not resized for so long, nothing is painted: where the size is another one, a
 * frame does not find the way back, and tmux breaks rows again up to 250 ms before it tells of it.
 */
const SETTLE_MS = 300;
/** The most characters of lines to show at once, so that typing never waits for long. */
const FRAME_LENGTH_MAX = 16 << 10;
/** How soon after SIGTSTP this program stands still, if anything can wake it. */
const STOP_MS = 50;

const UP = "\x1b[A";

/** The terminal on stdin and stdout, while it is painted in raw mode. Opened once, at most. */
export class Screen {
  readonly #below: () => Edited;
  /** Whole lines that are to be shown above the prompt. */
  #unshown = "";
  #changed = false;
  #painted = NOTHING_BELOW;
  /** Whether its window was closed, or the like: nothing can be shown, and nothing set right. */
  #gone = false;
  /** Whether another program goes on there. */
  #left = false;
  #size = windowSize();
  #frames: Promise<void> | undefined;

  /** @param below what stays below: it may have colours and line breaks */
  constructor(below: () => Edited) {
    this.#below = below;
    process.stdout.on("resize", () => this.paintSoon());
    process.stdout.on("error", () => (this.#gone = true));
    // However the program ends, the terminal is as it was.
    process.on("exit", () => this.#setRaw(false));
    this.restart();
  }

  /** Adds whole lines to what is to be shown above. */
  add(lines: string): void {
    this.#unshown += lines;
    this.paintSoon();
  }

  /** Waits until all that was added is on the screen; returns whether there is still a screen. */
  async shown(): Promise<boolean> {
    await this.#frames;
    return !this.#gone;
  }

  paintSoon(): void {
    this.#changed = true;
    this.#frames ??= this.#paintFrames();
  }

  /** Begins on the row where the cursor is, or with `start`, which clears the screen. */
  restart(start = ""): void {
    // In two steps: another program may have changed the mode.
    this.#setRaw(false);
    this.#setRaw(true);
    process.stdout.write(start);
    this.#left = false;
    this.#painted = NOTHING_BELOW;
    this.paintSoon();
  }

  /** Shows everything, and nothing below, for another program to go on there; returns once done. */
  async leave(): Promise<void> {
    this.#left = true;
    this.paintSoon();
    await this.#frames;
    this.#setRaw(false);
  }

  /** Does what the terminal itself does at Ctrl-Z when it is not in raw mode. */
  async suspend(): Promise<void> {
    await this.leave();
    process.kill(0, "SIGTSTP");
    // The system does not stop a program that nothing could wake: it goes on at once.
    setTimeout(() => this.#left && this.restart(), STOP_MS);
  }

  /** Whether each key comes here at once, and pastes are marked (DECSET 2004, of xterm). */
  #setRaw(raw: boolean): void {
    if (raw === process.stdin.isRaw || this.#gone) return;
    process.stdin.setRawMode(raw);
    process.stdout.write(raw ? "\x1b[?2004h" : "\x1b[?2004l");
  }

  async #paintFrames(): Promise<void> {
    await Promise.resolve(); // What else is added now is in the same frame.
    while (this.#changed && !this.#gone) await Bun.sleep(await this.#paint());
    this.#frames = undefined;
  }

  /** Paints a frame, unless the window is being resized; returns how long until the next one, in ms. */
  async #paint(): Promise<number> {
    const size = this.#size;
    const below = this.#left ? NOTHING_BELOW : layOut(this.#below(), ...size);
    // The event that tells of another size comes late: so it is asked for, as late as can be.
    this.#size = windowSize();
    if (`${size}` !== `${this.#size}`) return SETTLE_MS;

    const lines = this.#unshown;
    const end = lines.lastIndexOf("\n", FRAME_LENGTH_MAX) + 1 || lines.indexOf("\n") + 1;
    const shown = lines.slice(0, end).replaceAll("\n", "\r\n");
    const frame = wayBack(this.#painted, size[0]) + shown + textOf(below);
    this.#unshown = lines.slice(end);
    this.#changed = this.#unshown !== "";
    this.#painted = below;
    const pauseMs = this.#changed ? 0 : FRAME_MS;
    await new Promise<void>((resolve) => process.stdout.write(frame, () => resolve()));
    return pauseMs;
  }
}

function windowSize(): [columns: number, rows: number] {
  const [columns, rows] = process.stdout.getWindowSize();
  return [columns || 80, rows || 24];
}

/** One row of a terminal, and the columns it takes: the most of them, where terminals differ. */
type Row = { text: string; width: number };

/** The rows below the lines, and those up to the cursor, of which the last may be a part. */
type Rows = { rows: Row[]; toCursor: Row[] };

const EMPTY_ROW: Row = { text: "", width: 0 };
const NOTHING_BELOW: Rows = { rows: [EMPTY_ROW], toCursor: [EMPTY_ROW] };

/** The rows of all that is below; if they do not all fit, those around the cursor. */
function layOut({ before, after }: Edited, columns: number, windowRows: number): Rows {
  const toCursor = before.split("\n").flatMap((line) => wrap(line, columns));
  // Behind a full row the cursor stands at the start of the next.
  if (toCursor.at(-1)?.width === columns) toCursor.push(EMPTY_ROW);
  const rows = [...toCursor.slice(0, -1), ...wrap(after, columns, toCursor.at(-1))];
  const height = Math.max(1, windowRows - 1);
  const middle = toCursor.length - 1 - Math.floor(height / 2);
  const first = Math.max(0, Math.min(middle, rows.length - height));
  return { rows: rows.slice(first, first + height), toCursor: toCursor.slice(first) };
}

/** The rows, and the cursor's again up to it: so it is where this terminal has that character. */
function textOf({ rows, toCursor }: Rows): string {
  const all = rows.map((row) => row.text).join("\r\n");
  return `${all}\x1b[m${UP.repeat(rows.length - toCursor.length)}\r${toCursor.at(-1)?.text}`;
}

/** From the cursor to the first of the rows; terminals break them again when they get narrower. */
function wayBack({ rows, toCursor }: Rows, columns: number): string {
  const height = (some: Row[]) =>
    some.reduce((sum, { width }) => sum + Math.max(1, Math.ceil(width / columns)), 0);
  // In two steps: some terminals keep what is erased from the first column of a screen as history.
  const eraseRest = height(rows) > 1 ? `\x1b[B\x1b[J${UP}` : "";
  return `${UP.repeat(height(toCursor) - 1)}\r\x1b[K${eraseRest}`;
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
