/**
 * A real browser, where there is one: Bun drives an installed Chromium by its DevTools protocol. All
 * files of tests share it, and Bun ends it when the process ends.
 */

import { test } from "bun:test";

import { atEnd, LONGEST_MS, testBeside } from "../harness.ts";
import { inTurns, testWith } from "./tools.ts";

const CHROMIUM = Bun.which("chromium") ?? undefined;
/**
 * Its sandbox takes rights that a container may not have; pages and certificates are our own. One
 * process for all tabs starts them in a fraction of the time. Bun adds to these.
 */
const FLAGS = [
  ...["--no-sandbox", "--ignore-certificate-errors", "--in-process-gpu"],
  ...["--disable-site-isolation-trials", "--renderer-process-limit=1"],
  "--disable-features=IsolateOrigins,site-per-process",
];
const WIDE = { width: 800, height: 600 };
/** So many tests run beside each other. */
const AT_ONCE = 3;

type Run = () => Promise<unknown>;

const inTurn = inTurns(AT_ONCE);

/** Tests that run beside each other, a tab or two each, where there are these programs too. */
export function browserTests(...programs: string[]): (name: string, run: Run) => void {
  const known = testWith("chromium", ...programs);
  return known === test ? (name, run) => testBeside(name, () => inTurn(run)) : known;
}

/** Tabs that a test has used and another one may: a new one costs a second of processor time. */
const spare = new Set<Tab>();

/** A tab with the page of a room in it. */
export class Tab {
  readonly #view: Bun.WebView;

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  /** Opens a page, which remembers what others of the same server do. */
  static async open(url: string): Promise<Tab> {
    const [tab = await Tab.#make()] = spare;
    spare.delete(tab);
    atEnd(() => tab.#leave());
    await tab.resize(WIDE);
    await tab.navigate(url);
    return tab;
  }

  static async #make(): Promise<Tab> {
    const backend = { type: "chrome", ...(CHROMIUM && { path: CHROMIUM }), argv: FLAGS } as const;
    const view = new Bun.WebView({ ...WIDE, backend });
    await view.navigate("about:blank"); // Before the first page there is nobody to ask.
    return new Tab(view);
  }

  async #leave(): Promise<void> {
    try {
      await this.run("localStorage.clear()"); // Another server may get the same port.
      await this.navigate("about:blank");
      spare.add(this);
    } catch {
      // It is on its way to another page: nobody gets it again.
    }
  }

  navigate(url: string): Promise<void> {
    return this.#view.navigate(url);
  }

  async resize(size: { width: number; height: number }): Promise<void> {
    const screen = { ...size, deviceScaleFactor: 1, mobile: false };
    await this.ask("Emulation.setDeviceMetricsOverride", screen);
  }

  /** Has the page find that its user prefers something, by a feature of CSS. */
  async prefer(name: string, value: string): Promise<void> {
    await this.ask("Emulation.setEmulatedMedia", { features: [{ name, value }] });
  }

  /** Asks the browser itself, by the DevTools protocol. */
  ask<Value>(method: string, parameters: Record<string, unknown> = {}): Promise<Value> {
    return this.#view.cdp(method, parameters);
  }

  /** Runs a script in the page, where an element goes by its id; returns what it gives. */
  run<Value>(script: string): Promise<Value> {
    return this.#view.evaluate(script);
  }

  /** Waits until a script gives something true; the page looks again every few ms, by itself. */
  async until(script: string): Promise<void> {
    const isTrue = await this.run<boolean>(`(async () => {
      for (const end = Date.now() + ${LONGEST_MS}; Date.now() < end; ) {
        if (${script}) return true;
        await new Promise((go) => setTimeout(go, 5));
      }
      return false;
    })()`);
    if (isTrue) return;
    const shown = await this.run<string>("document.body.innerText.slice(-600)");
    throw new Error(`waited in vain for ${script}; the page shows ${shown}`);
  }

  /** Waits until the page shows a text where lines are. */
  shows(text: string): Promise<void> {
    return this.until(`log.textContent.includes(${JSON.stringify(text)})`);
  }

  isHere(): Promise<void> {
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

  /** Puts a text in the place of another one. */
  async fill(id: string, text: string): Promise<void> {
    await this.run(`document.getElementById("${id}").select()`);
    await this.#view.type(text);
  }

  async says(text: string): Promise<void> {
    await this.fill("words", text);
    await this.press("Enter");
  }

  press(key: string): Promise<void> {
    return this.#view.press(key);
  }

  /** Clicks on it with a mouse, as soon as it can be seen. */
  click(selector: string): Promise<void> {
    return this.#view.click(selector);
  }

  /** What the last lines are: sender and text, or a note. */
  lines(): Promise<string[]> {
    return this.each(
      "#log > *",
      `one.className === "gap" ? "--- " + one.textContent : (one.querySelector("b")?.textContent ?? "") + "|" + one.querySelector("p").textContent`,
    );
  }

  /** A picture of it, in PNG. */
  picture(): Promise<Uint8Array> {
    return this.#view.screenshot({ encoding: "buffer" });
  }
}

/** A tab whose user is in the room. */
export async function enter(url: string, name: string): Promise<Tab> {
  const tab = await Tab.open(url);
  await tab.enter(name);
  await tab.isHere();
  return tab;
}
