/** What is on the page, and what the server has said about the room. */

/** @throws {Error} if there is no such element */
export function $<Kind extends HTMLElement>(selector: string, kind: new () => Kind): Kind {
  const element = document.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`the page has no ${selector}`);
  return element;
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]>,
  ...content: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/** Shows a text in an element, and the element only if there is one. */
export function tell(element: HTMLElement, text: string): void {
  element.hidden = text === "";
  element.textContent = text;
}

/** `1 line`, `1,200 lines`. */
export const countOf = (count: number, what = "line") =>
  `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

/** What a room asks for and has; it may change when the server starts again. */
export const room = settingsOf(document.documentElement);

/** @param page the first element of a page of this server */
export function settingsOf({ dataset }: HTMLElement) {
  return {
    asksPass: dataset["pass"] !== undefined,
    hasNames: dataset["names"] !== undefined,
    hasHistory: dataset["history"] !== undefined,
    lineBytesMax: Number(dataset["lineBytes"]),
  };
}

/** Learns what the room asks for now; returns why there is none. */
export async function renewSettings(withinMs: number): Promise<string | undefined> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), withinMs);
  try {
    // As a browser sends no `Origin` for this, but will for the WebSocket.
    const headers = { "X-Origin": location.origin };
    const answer = await fetch(location.pathname, { headers, signal: abort.signal });
    const text = await answer.text();
    const isText = answer.headers.get("content-type")?.startsWith("text/plain");
    const page = new DOMParser().parseFromString(text, "text/html").documentElement;
    if (page.dataset["lineBytes"] === undefined) return isText ? text.trim() : "not connected";
    Object.assign(room, settingsOf(page));
    return undefined;
  } catch {
    return "not connected";
  } finally {
    clearTimeout(timer);
  }
}

/** Who one is in the room, for as long as the browser or the tab remembers it. */
export const user = { name: "", pass: "" };
