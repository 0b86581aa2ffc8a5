/**
 * What a person sees: what was said scrolls by above, what is being typed stays
 * below.
 *
 * It is painted once a frame and in one write: take the prompt away, add what was
 * said, put the prompt back. So a paste, a flood, a resized window and a wrapped
 * line are all the same case.
 */

import { type Row, wrap } from "./wrap.ts";

/** What stays below, as printable text that may have colours. */
export interface Below {
  /** Shown in one row, cut where that ends. */
  status: string | undefined;
  /** The prompt with what is being typed, up to the cursor and after it. */
  prompt: { before: string; after: string } | undefined;
}

/** What was said is shown at most once in this time; what is typed, at once. */
const FRAME_MS = 16;
/** The most characters of what was said to show at once, so that typing never waits for long. */
const FRAME_CHARACTERS = 16 << 10;

/** Where the last frame has left the cursor, to find the way back to its first row. */
interface Painted {
  /** The width of each row below what was said. */
  widths: number[];
  cursorRow: number;
  cursorColumn: number;
}

/** A painter on stdout, which is a terminal. Opened once, at most. */
export class Screen {
  readonly #below: () => Below;
  /** What is to be shown above the prompt, in pieces of whole lines. */
  #unshown: string[] = [];
  #onShown: (() => void)[] = [];
  /** Whether its window was closed, or the like. */
  #gone = false;
  #painted: Painted | undefined;
  #paintedAtMs = 0;
  #clearing = false;
  #frame: { due: "soon" | "at once"; cancel: () => void } | undefined;

  /** @param below asked for each frame */
  constructor(below: () => Below) {
    this.#below = below;
    process.stdout.on("resize", () => this.paintSoon("at once"));
  }

  /** Adds whole lines to what is to be shown above. */
  add(lines: string): void {
    if (this.#gone) return;
    for (let start = 0; start < lines.length;) {
      const last = lines.lastIndexOf("\n", start + FRAME_CHARACTERS);
      const end = last < start ? lines.indexOf("\n", start) + 1 || lines.length : last + 1;
      this.#unshown.push(lines.slice(start, end));
      start = end;
    }
    this.paintSoon("soon");
  }

  /** Waits until all that was added is on the screen; returns whether there is still a screen. */
  async shown(): Promise<boolean> {
    if (this.#unshown.length > 0 || this.#frame)
      await new Promise<void>((resolve) => this.#onShown.push(resolve));
    return !this.#gone;
  }

  /** Paints what is new: `at once` means at the end of this turn of the event loop. */
  paintSoon(due: "soon" | "at once"): void {
    if (this.#frame?.due === "at once" || this.#frame?.due === due) return;
    this.#frame?.cancel();
    const paint = () => {
      this.#frame = undefined;
      this.#paint(() => {
        if (this.#unshown.length > 0) return this.paintSoon("at once");
        this.#wake();
      });
    };
    const waitMs = due === "soon" ? this.#paintedAtMs + FRAME_MS - performance.now() : 0;
    if (waitMs <= 0) {
      const immediate = setImmediate(paint);
      this.#frame = { due: "at once", cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(paint, waitMs);
      this.#frame = { due, cancel: () => clearTimeout(timer) };
    }
  }

  /** Removes all that was said from the screen. */
  clear(): void {
    this.#clearing = true;
    this.paintSoon("at once");
  }

  /** Leaves the cursor below some last lines in place of the prompt, for somebody else to go on there. */
  leave(last: string): void {
    this.#cancelFrame();
    process.stdout.write(this.#wayBack(screenSize().columns) + last.replaceAll("\n", "\r\n"));
    this.#painted = undefined;
  }

  /** Begins on the row where the cursor is: somebody else has used the screen. */
  resume(): void {
    this.#painted = undefined;
    this.paintSoon("at once");
  }

  /** There is no terminal any more; nothing can be shown, and nothing set right. */
  hangUp(): void {
    this.#gone = true;
    this.#unshown = [];
    this.#wake();
  }

  /** Shows everything; returns once the terminal has it. */
  close(): Promise<void> {
    this.#cancelFrame();
    this.#unshown = [this.#unshown.join("")];
    return new Promise((resolve) => this.#paint(resolve));
  }

  #cancelFrame(): void {
    this.#frame?.cancel();
    this.#frame = undefined;
  }

  #wake(): void {
    for (const wake of this.#onShown.splice(0)) wake();
  }

  /** Paints one frame; tells when the terminal has it. */
  #paint(onPainted: () => void): void {
    if (this.#gone) return onPainted();
    const { columns, rows } = screenSize();
    const below = this.#below();
    let frame = this.#clearing ? "\x1b[H\x1b[2J" : this.#wayBack(columns);
    this.#clearing = false;
    frame += (this.#unshown.shift() ?? "").replaceAll("\n", "\r\n");

    const status = below.status === undefined ? [] : wrap(below.status, columns).slice(0, 1);
    const prompt = layOut(below.prompt, columns, Math.max(1, rows - 1 - status.length));
    frame += status.map((row) => `${row.text}\x1b[m\r\n`).join("");
    frame += `${prompt.rows.map((row) => row.text).join("\r\n")}\x1b[m`;
    // Writing the cursor's row again up to the cursor puts it where this terminal has that character.
    const down = prompt.rows.length - 1 - prompt.cursorRow;
    frame += `${down > 0 ? `\x1b[${down}A` : ""}\r${prompt.beforeCursor.text}`;

    this.#painted = {
      widths: [...status, ...prompt.rows].map((row) => row.width),
      cursorRow: status.length + prompt.cursorRow,
      cursorColumn: prompt.beforeCursor.width,
    };
    this.#paintedAtMs = performance.now();
    process.stdout.write(frame, () => onPainted());
  }

  /** Moves to the first row that the last frame has painted below what was said, and erases from there. */
  #wayBack(columns: number): string {
    // What was typed before the program was there is still on this row; it is in the prompt as well.
    if (this.#painted === undefined) return "\r\x1b[K";
    const { widths, cursorRow, cursorColumn } = this.#painted;
    // Terminals break rows again when they get narrower.
    const rowsOf = (width: number) => Math.max(1, Math.ceil(width / columns));
    const sum = (total: number, width: number) => total + rowsOf(width);
    const up = widths.slice(0, cursorRow).reduce(sum, rowsOf(cursorColumn) - 1);
    const several = widths.reduce(sum, 0) > 1;
    // Erased in two steps: some terminals keep a screen that is erased from its first column on as history.
    return `\r${up > 0 ? `\x1b[${up}A` : ""}\x1b[K${several ? "\x1b[B\x1b[J\x1b[A" : ""}`;
  }
}

/** Asked anew for each frame: the event that tells of a change comes late. */
function screenSize(): { columns: number; rows: number } {
  const [columns, rows] = process.stdout.getWindowSize();
  return { columns: columns || 80, rows: rows || 24 };
}

const NOTHING: Row = { text: "", width: 0 };

/** The rows of a prompt, or those around the cursor if they do not all fit. */
function layOut(
  prompt: Below["prompt"],
  columns: number,
  rowsMax: number,
): { rows: Row[]; cursorRow: number; beforeCursor: Row } {
  if (prompt === undefined) return { rows: [NOTHING], cursorRow: 0, beforeCursor: NOTHING };
  const rows = wrap(prompt.before + prompt.after, columns);
  const rowsBefore = wrap(prompt.before, columns);
  let beforeCursor = rowsBefore.at(-1) ?? NOTHING;
  let cursorRow = rowsBefore.length - 1;
  // Behind a full row the cursor stands at the start of the next.
  if (beforeCursor.width >= columns) {
    beforeCursor = NOTHING;
    cursorRow++;
    if (cursorRow === rows.length) rows.push(beforeCursor);
  }
  const first = Math.max(0, Math.min(cursorRow - Math.floor(rowsMax / 2), rows.length - rowsMax));
  return { rows: rows.slice(first, first + rowsMax), cursorRow: cursorRow - first, beforeCursor };
}
