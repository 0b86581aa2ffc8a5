/** What is on the page, and what it knows of the room and its user. */

import { People } from "../../program/room-view.ts";

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

/** What the room asks for and has: `pass`, `names`, `history`, `lineBytes`. */
export let room = document.documentElement.dataset;

/** Learns what the room asks for now, as the server may have started again; returns why it cannot. */
export async function renewSettings(signal: AbortSignal): Promise<string | undefined> {
  try {
    // As a browser sends no `Origin` for this, but will for the WebSocket.
    const headers = { "X-Origin": location.origin };
    const answer = await fetch(location.pathname, { headers, signal });
    const text = await answer.text();
    const { dataset } = new DOMParser().parseFromString(text, "text/html").documentElement;
    const isText = answer.headers.get("content-type")?.startsWith("text/plain");
    if (!("lineBytes" in dataset)) return isText ? text.trim() : "not connected";
    room = dataset;
    return undefined;
  } catch {
    return "not connected";
  }
}

/** The user in the room, for as long as the browser or the tab remembers. */
export const user = { name: "", pass: "" };

export const people = new People();
export const list = $("#people", HTMLDetailsElement);
let shown = "";

/** Shows how many are here, and their names on a click, if that has changed. */
export function showPeople(): void {
  const { count, here } = people;
  const names = [...here].sort((a, b) => a.localeCompare(b));
  const told = count === undefined ? countOf(names.length, "name") : `${count} here`;
  list.hidden = names.length === 0 && count === undefined;
  if (shown === (shown = `${told} ${names.join(" ")}`)) return;
  $("#people summary", HTMLElement).textContent = told;
  $("#people ul", HTMLElement).replaceChildren(
    ...names.map((name) => make("li", {}, make("button", {}, name))),
  );
}
