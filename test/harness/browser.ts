/** A real browser, where there is one: Bun drives an installed Chromium by its DevTools protocol. */

import { atEnd } from "../harness.ts";
import { startWeb } from "./web-peer.ts";

const CHROMIUM = Bun.which("chromium") ?? undefined;
const WIDE = { width: 1000, height: 700 };
const LOOK_AGAIN_MS = 20;

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
    // Its sandbox takes rights that a container may not have; pages and certificates are our own.
    const argv = ["--no-sandbox", "--ignore-certificate-errors"];
    const backend = { type: "chrome", ...(CHROMIUM && { path: CHROMIUM }), argv } as const;
    const view = new Bun.WebView({ ...size, backend });
    const tab = new Tab(view);
    atEnd(() => view.close());
    await view.navigate("about:blank"); // Before the first page there is nobody to ask.
    for (const domain of ["Runtime", "Log", "Page"]) await view.cdp(`${domain}.enable`);
    const listen = (event: string) =>
      view.addEventListener(event, (told) => {
        tab.errors.push(JSON.stringify(told instanceof MessageEvent ? told.data : event));
      });
    listen("Runtime.exceptionThrown");
    listen("Log.entryAdded");
    await view.navigate(url);
    return tab;
  }

  navigate(url: string): Promise<unknown> {
    return this.#view.navigate(url);
  }

  /** Runs a script in the page, where an element goes by its id; returns what it gives. */
  run<Value>(script: string): Promise<Value> {
    return this.#view.evaluate(script) as Promise<Value>;
  }

  /** Asks the browser itself, by the DevTools protocol. */
  ask(method: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return this.#view.cdp(method, parameters);
  }

  /** Waits until a script gives something true. */
  async until(script: string, withinMs = 10_000): Promise<true> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      if (await this.run(script)) return true;
      await Bun.sleep(LOOK_AGAIN_MS);
    }
    const shown = await this.run<string>("document.body.innerText.slice(-600)");
    throw new Error(`waited ${withinMs} ms for ${script}; the page shows ${shown}`);
  }

  /** Waits until the page shows a text where lines are. */
  shows(text: string, withinMs?: number): Promise<true> {
    return this.until(`log.textContent.includes(${JSON.stringify(text)})`, withinMs);
  }

  isHere(): Promise<true> {
    return this.until(`state.className === "here"`);
  }

  /** What a function gives for each element. */
  each<Value>(selector: string, what: string): Promise<Value[]> {
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
  async enterAs(name: string, pass?: string): Promise<void> {
    await this.run("localStorage.clear()");
    if (!(await this.run("door.open"))) await this.click("#name");
    await this.enter(name, pass);
  }

  async fill(id: string, text: string): Promise<void> {
    await this.run(`document.getElementById("${id}").select()`);
    await this.#view.type(text);
  }

  async says(text: string): Promise<void> {
    await this.run("words.focus()");
    await this.#view.type(text);
    await this.press("Enter");
  }

  type(text: string): Promise<unknown> {
    return this.#view.type(text);
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

  close(): void {
    this.#view.close();
  }
}

/** A tab whose user is in the room. */
export async function enter(url: string, name: string, size?: { width: number; height: number }) {
  const tab = await Tab.open(url, size);
  await tab.enterAs(name);
  await tab.isHere();
  return tab;
}

/** A room, a tab in it and a socket. */
export async function withTab(...options: string[]) {
  const { server, url } = await startWeb(...options);
  return { server, url, ann: await enter(url, "ann"), peer: await server.join() };
}

/** Has the page's time go 25 times as fast. */
export const HURRY = `(() => {
  const [later, clock] = [setTimeout, performance.now.bind(performance)];
  setTimeout = (action, delayMs) => later(action, delayMs / 25);
  performance.now = () => clock() * 25;
})()`;
