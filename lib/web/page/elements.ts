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

/** Who one is in the room, for as long as the browser or the tab remembers it. */
export const user = { name: "", pass: "" };
