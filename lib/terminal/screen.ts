/**
 * What a person sees: lines scroll by above, what is being typed stays below. It is painted once a
 * frame and in one write: take the prompt away, add new lines, put the prompt back. So a paste, a
 * flood, a resized window and a wrapped line are all the same case. Only a key that changes one row
 * writes no more than that change, for slow links and screen readers.
 */

import { changeOf, type Edited, layOut, NOTHING_BELOW, textOf, wayBack } from "./rows.ts";

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

/**
 * The terminal on stdin and stdout, while it is painted in raw mode; or, if it can do no more than
 * print line after line, without all that and what stays below. Opened once, at most.
 */
export class Screen {
  readonly #below: () => Edited;
  readonly #isDumb: boolean;
  /** Whole lines that are to be shown above the prompt. */
  #unshown = "";
  #changed = false;
  #painted = NOTHING_BELOW;
  /** Whether its window was closed, or the like: nothing can be shown, and nothing set right. */
  #gone = false;
  /** Whether another program goes on there. */
  #left = false;
  #size = windowSize();
  /** Whether what was painted is there, as it was. */
  #isKnown = false;
  #frames: Promise<void> | undefined;

  /** @param below what stays below: it may have colours and line breaks */
  constructor(below: () => Edited, isDumb: boolean) {
    this.#below = below;
    this.#isDumb = isDumb;
    process.stdout.on("resize", () => {
      this.#isKnown = false;
      this.paintSoon();
    });
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
    this.#isKnown = false;
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
    if (this.#isDumb || raw === process.stdin.isRaw || this.#gone) return;
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
    const whole = lines.slice(0, end);
    const shown = whole.replaceAll("\n", "\r\n");
    const change = shown === "" && this.#isKnown ? changeOf(this.#painted, below) : undefined;
    const painted = () => wayBack(this.#painted, size[0]) + shown + textOf(below);
    const frame = this.#isDumb ? whole : (change ?? painted());
    this.#unshown = lines.slice(end);
    this.#changed = this.#unshown !== "";
    this.#painted = below;
    this.#isKnown = true;
    const pauseMs = this.#changed ? 0 : FRAME_MS;
    if (frame !== "")
      await new Promise<void>((resolve) => process.stdout.write(frame, () => resolve()));
    return pauseMs;
  }
}

function windowSize(): [columns: number, rows: number] {
  const [columns, rows] = process.stdout.getWindowSize();
  return [columns || 80, rows || 24];
}
