/**
 * A real browser, where there is one: Bun drives an installed Chromium by its DevTools protocol. All
 * files of tests share it, and Bun ends it when the process ends.
 */

import { test } from "bun:test";

import { atEnd, testBeside } from "../harness.ts";
import { inTurns, testWith } from "./tools.ts";
import { LONGEST_MS } from "./watched.ts";

const CHROMIUM = Bun.which("chromium") ?? undefined;
/**
 * Its sandbox takes rights that a container may not have; pages and certificates are our own. One
 * process for all tabs, without a graphics card, starts them in a fraction of the time.
 */
const FLAGS = [
  ...["--no-sandbox", "--ignore-certificate-errors", "--disable-gpu", "--in-process-gpu"],
  ...["--disable-site-isolation-trials", "--renderer-process-limit=1", "--disable-extensions"],
  "--disable-features=IsolateOrigins,site-per-process",
];
const WIDE = { width: 800, height: 600 };
const LOOK_AGAIN_MS = 20;
/** So many tests run beside each other. */
const AT_ONCE = 6;

type Run = () => Promise<unknown>;

const inTurn = inTurns(AT_ONCE);

/** Tests that run beside each other, a tab or two each, where there are these programs too. */
export function browserTests(...programs: string[]): (name: string, run: Run) => void {
  const known = testWith("chromium", ...programs);
  return known === test ? (name, run) => testBeside(name, () => inTurn(run)) : known;
}

/** Tabs that a test has used and another one may: a new one costs a second of processor time. */
const spare: Tab[] = [];

/** A tab with the page of a room in it. */
export class Tab {
  readonly #view: Bun.WebView;
  /** What the console and the browser have complained about. */
  readonly errors: string[] = [];

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  /** Opens a page; each tab has the size it is given, and shares what the others remember. */
  static async open(url: string, size = WIDE): Promise<Tab> {
    const tab = spare.pop() ?? (await Tab.#make());
    let isLeft = false;
    atEnd(async () => {
      if (isLeft) return; // Tests that end beside each other may both ask for it.
      isLeft = true;
      await tab.navigate("about:blank").then(
        () => void spare.push(tab),
        () => {}, // It is on its way to another page: nobody gets it again.
      );
    });
    await tab.resize(size);
    await tab.navigate(url);
    tab.errors.length = 0;
    return tab;
  }

  static async #make(): Promise<Tab> {
    const backend = { type: "chrome", ...(CHROMIUM && { path: CHROMIUM }), argv: FLAGS } as const;
    const view = new Bun.WebView({ ...WIDE, backend });
    const tab = new Tab(view);
    await view.navigate("about:blank"); // Before the first page there is nobody to ask.
    for (const domain of ["Runtime", "Log", "Page"]) await view.cdp(`${domain}.enable`);
    for (const event of ["Runtime.exceptionThrown", "Log.entryAdded"])
      view.addEventListener(event, (told) => {
        tab.errors.push(JSON.stringify(told instanceof MessageEvent ? told.data : event));
      });
    return tab;
  }

  async navigate(url: string): Promise<unknown> {
    return this.#view.navigate(url);
  }

  resize(size: { width: number; height: number }): Promise<unknown> {
    const screen = { ...size, deviceScaleFactor: 1, mobile: false };
    return this.ask("Emulation.setDeviceMetricsOverride", screen);
  }

  /** Runs a script in the page, where an element goes by its id; returns what it gives. */
  async run<Value>(script: string): Promise<Value> {
    return this.#view.evaluate(script) as Promise<Value>;
  }

  /** Asks the browser itself, by the DevTools protocol. */
  ask(method: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return this.#view.cdp(method, parameters);
  }

  /** Waits until a script gives something true. */
  async until(script: string): Promise<true> {
    for (const deadline = performance.now() + LONGEST_MS; performance.now() < deadline;) {
      if (await this.run(script)) return true;
      await Bun.sleep(LOOK_AGAIN_MS);
    }
    const shown = await this.run<string>("document.body.innerText.slice(-600)");
    throw new Error(`waited in vain for ${script}; the page shows ${shown}`);
  }

  /** Waits until the page shows a text where lines are. */
  shows(text: string): Promise<true> {
    return this.until(`log.textContent.includes(${JSON.stringify(text)})`);
  }

  isHere(): Promise<true> {
    return this.until(`state.className === "here"`);
  }

  /** What a function gives for each element. */
  each<Value = string>(selector: string, what = "one.textContent"): Promise<Value[]> {
    return this.run(`[...document.querySelectorAll("${selector}")].map((one) => ${what})`);
  }

  /** Gives a name, and a pass phrase if that is asked for. */
  async enter(name: string, pass?: string): Promise<void> {
    await this.until("door.open");
    await this.fill("own-name", name);
    if (pass !== undefined) await this.fill("pass", pass);
    await this.press("Enter");
  }

  /** Forgets the name of other tabs, and gives another one. */
  async enterAs(name: string): Promise<void> {
    await this.run("localStorage.clear()");
    if (!(await this.run("door.open"))) await this.click("#name");
    await this.enter(name);
  }

  /** Puts a text in the place of another one. */
  async fill(id: string, text: string): Promise<void> {
    await this.run(`document.getElementById("${id}").select()`);
    await this.#view.type(text);
  }

  async says(text: string): Promise<void> {
    await this.fill("words", text);
    await this.press("Enter");
  }

  press(key: string): Promise<unknown> {
    return this.#view.press(key);
  }

  click(selector: string): Promise<unknown> {
    return this.run(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** What the last lines are: sender and text, or a note. */
  lines(): Promise<string[]> {
    return this.each(
      "#log > *",
      `one.className === "gap" ? "--- " + one.textContent : (one.querySelector("b")?.textContent ?? "") + "|" + one.querySelector("p").textContent`,
    );
  }

  /** A picture of it, in PNG. */
  async picture(): Promise<Uint8Array> {
    const shot = await this.ask("Page.captureScreenshot", { format: "png" });
    const { data } = shot as { data: string }; // base64, as the protocol has it
    return Buffer.from(data, "base64");
  }
}

/** A tab whose user is in the room. */
export async function enter(url: string, name: string, size?: { width: number; height: number }) {
  const tab = await Tab.open(url, size);
  await tab.enterAs(name);
  await tab.isHere();
  return tab;
}
