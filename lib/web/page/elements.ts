/** What is on the page, and what the server has told of the room. */

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

function settingsOf({ dataset }: HTMLElement) {
  return {
    asksPass: "pass" in dataset,
    hasNames: "names" in dataset,
    hasHistory: "history" in dataset,
    lineBytesMax: Number(dataset["lineBytes"]),
  };
}

/** Learns what the room asks for now; returns why that cannot be. */
export async function renewSettings(signal: AbortSignal): Promise<string | undefined> {
  try {
    // As a browser sends no `Origin` for this, but will for the WebSocket.
    const headers = { "X-Origin": location.origin };
    const answer = await fetch(location.pathname, { headers, signal });
    const text = await answer.text();
    const page = new DOMParser().parseFromString(text, "text/html").documentElement;
    if ("lineBytes" in page.dataset) return void Object.assign(room, settingsOf(page));
    const isText = answer.headers.get("content-type")?.startsWith("text/plain");
    return isText ? text.trim() : "not connected";
  } catch {
    return "not connected";
  }
}

/** The user in the room, for as long as the browser or the tab remembers. */
export const user = { name: "", pass: "" };
