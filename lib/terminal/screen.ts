/**
 * What a person sees: lines scroll by above, what is being typed stays below. It is painted once a
 * frame and in one write: take the prompt away, add new lines, put the prompt back. So a paste, a
 * flood, a resized window and a wrapped line are all the same case.
 */

import { writeSync } from "node:fs";

import { type Row, wrap } from "./wrap.ts";

/**
 * What stays below, as printable text that may have colours: rows that are cut where the screen
 * ends, the last of them if they are too many; and the prompt with what is being typed, up to the
 * cursor and after it.
 */
export type Below = { above: string[]; before: string; after: string };

const NOTHING_BELOW: Below = { above: [], before: "", after: "" };

/** The shortest time between two frames; more of what is too long for one follows at once. */
const FRAME_MS = 16;
/**
 * A window that was resized may still be: until it is not for so long, nothing is painted. A frame
 * on a terminal that has another size by then would not find the way back; and tmux, for one, breaks
 * the rows again at once, and tells of it up to 250 ms later.
 */
const SETTLE_MS = 300;
/** The most characters of lines to show at once, so that typing never waits for long. */
const FRAME_CHARACTERS = 16 << 10;

/** Bracketed paste mode, of xterm: a terminal says where a paste starts and ends. */
const PASTE_MODE_ON = "\x1b[?2004h";
const PASTE_MODE_OFF = "\x1b[?2004l";
const BELL = "\x07";
const ERASE_ROW = "\r\x1b[K";
const ERASE_SCREEN = "\x1b[H\x1b[2J";

/** The rows below the lines, and those up to the cursor, the last of them cut off there. */
type Rows = { all: Row[]; toCursor: Row[] };

/** A painter on stdout, which is a terminal. Opened once, at most. */
export class Screen {
  readonly #below: () => Below;
  /** Whole lines that are to be shown above the prompt. */
  #unshown = "";
  #changed = false;
  #rings = false;
  /**
   * Moves to the first row below the lines, and erases from there. At first: what was typed
   * before the program was there is still on this row, and it is in the prompt as well.
   */
  #wayBack: (columns: number) => string = () => PASTE_MODE_ON + ERASE_ROW;
  /** Whether its window was closed, or the like: nothing can be shown, and nothing set right. */
  gone = false;
  /** Whether somebody else goes on there. */
  left = false;
  #size = { columns: 80, rows: 24 };
  #frames: Promise<void> | undefined;
  #nextFrameMs = 0;

  /** @param below asked for each frame */
  constructor(below: () => Below) {
    this.#below = below;
    this.#isResized();
    process.stdout.on("resize", () => this.paintSoon());
  }

  /** Adds whole lines to what is to be shown above. */
  add(lines: string): void {
    this.#unshown += lines;
    this.paintSoon();
  }

  /** Rings the bell in the next frame. */
  ring(): void {
    this.#rings = true;
    this.paintSoon();
  }

  /** Waits until all that was added is on the screen; returns whether there is still a screen. */
  async shown(): Promise<boolean> {
    await this.#frames;
    return !this.gone;
  }

  /** Paints what is new in the next frame. */
  paintSoon(): void {
    this.#changed = true;
    if (!this.left) this.#frames ??= this.#paintFrames();
  }

  /** Begins again, on an empty screen or else on the row where the cursor is. */
  restart(empty: boolean): void {
    this.left = false;
    this.#wayBack = () => PASTE_MODE_ON + (empty ? ERASE_SCREEN : ERASE_ROW);
    this.paintSoon();
  }

  /** Shows everything, and nothing below, for somebody else to go on there; returns once done. */
  leave(): Promise<void> {
    this.left = true;
    if (!this.gone) this.#isResized();
    return this.#paint();
  }

  /** Leaves at once, in the middle of whatever it is: after a crash. */
  abandon(): void {
    try {
      writeSync(1, PASTE_MODE_OFF);
    } catch {} // It has gone.
  }

  async #paintFrames(): Promise<void> {
    while (this.#changed && !this.left) {
      await Bun.sleep(Math.max(0, this.#nextFrameMs - performance.now()));
      if (this.#changed && !this.left) await this.#paint();
    }
    this.#frames = undefined;
  }

  /** The event that tells of a change comes late. */
  #isResized(): boolean {
    const before = this.#size;
    const [columns, rows] = process.stdout.getWindowSize();
    this.#size = { columns: columns || 80, rows: rows || 24 };
    return before.columns !== this.#size.columns || before.rows !== this.#size.rows;
  }

  /** Paints a frame; returns when it is done. */
  async #paint(): Promise<void> {
    const lines = this.#unshown;
    const characters = this.left ? lines.length : FRAME_CHARACTERS;
    const end = lines.lastIndexOf("\n", characters) + 1 || lines.indexOf("\n") + 1;
    const shown = lines.slice(0, end).replaceAll("\n", "\r\n");
    const { columns, rows } = this.#size;
    const painted = layOut(this.left ? NOTHING_BELOW : this.#below(), columns, rows - 1);
    const { all, toCursor } = painted;
    const prompt = all.map((row) => row.text).join("\r\n");
    // Its row is written again up to the cursor: so it is where this terminal has that character.
    const cursor = `${moveUp(all.length - toCursor.length)}\r${toCursor.at(-1)?.text ?? ""}`;
    const bell = this.#rings ? BELL : "";
    const mode = this.left ? PASTE_MODE_OFF : "";
    const frame = `${this.#wayBack(columns)}${bell}${shown}${prompt}\x1b[m${cursor}${mode}`;
    // Asked as late as can be.
    if (!this.gone && !this.left && this.#isResized())
      return void (this.#nextFrameMs = performance.now() + SETTLE_MS);

    this.#unshown = lines.slice(end);
    this.#changed = this.#unshown !== "";
    this.#rings = false;
    if (this.gone) return;
    this.#wayBack = (columnsNow) => wayBack(painted, columnsNow);
    this.#nextFrameMs = this.#changed ? 0 : performance.now() + FRAME_MS;
    await new Promise<void>((resolve) => process.stdout.write(frame, () => resolve()));
  }
}

/** From the cursor to the first of the rows; terminals break them again when they get narrower. */
function wayBack({ all, toCursor }: Rows, columns: number): string {
  const rowsOf = (row: Row) => Math.max(1, Math.ceil(row.width / columns));
  const height = (rows: Row[]) => rows.reduce((sum, row) => sum + rowsOf(row), 0);
  // In two steps: some terminals keep what is erased from the first column of a screen as history.
  const rest = height(all) > 1 ? "\x1b[B\x1b[J\x1b[A" : "";
  return `${moveUp(height(toCursor) - 1)}${ERASE_ROW}${rest}`;
}

function moveUp(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}

const NOTHING: Row = { text: "", width: 0 };

/** The rows of all that is below; if they do not all fit, those around the cursor. */
function layOut({ above, before, after }: Below, columns: number, rowsMax: number): Rows {
  const top = above.slice(Math.max(0, above.length - Math.max(0, rowsMax - 1))).map((text) => {
    const { text: start, width } = wrap(text, columns)[0] ?? NOTHING;
    return { text: `${start}\x1b[m`, width };
  });
  const rows = wrap(before + after, columns);
  const toCursor = wrap(before, columns);
  // Behind a full row the cursor stands at the start of the next.
  if ((toCursor.at(-1)?.width ?? 0) >= columns) toCursor.push(NOTHING);
  if (toCursor.length > rows.length) rows.push(NOTHING);
  const height = Math.max(1, rowsMax - top.length);
  const middle = toCursor.length - 1 - Math.floor(height / 2);
  const first = Math.max(0, Math.min(middle, rows.length - height));
  const all = [...top, ...rows.slice(first, first + height)];
  return { all, toCursor: [...top, ...toCursor.slice(first)] };
}
