/** Who is here, as far as the greeting, notices and lines tell. */

import { $, countOf, make, room, user } from "./elements.ts";
import type { Message } from "./line.ts";

/** So many names are known at most. */
const NAMES_MAX = 200;
const GREETING = "* say your name first";

const people = $("#people", HTMLDetailsElement);
/** In the order in which they were heard of, the last at the end. */
const names = new Set<string>();
/** How many are here, if somebody has counted. */
let count: number | undefined;

/** A new connection is told again. */
export function forgetPeople(): void {
  names.clear();
  count = undefined;
  showPeople();
}

/** Learns from what the server says: who was here before, who joins and who leaves. */
export function seeMessage(text: string): void {
  const [, list, more = "0"] =
    /^say your name first \(here: (.*?)(?: and ([\d,]+) more)?\)$/.exec(text) ?? [];
  if (list !== undefined) {
    for (const name of list.split(", ")) names.add(name);
    count = names.size + Number(more.replaceAll(",", "")) + 1;
  }
  const [, what, here] = /^(.* (?:joined|left))(?: \(([\d,]+) here\))?$/.exec(text) ?? [];
  const [, name = "", verb] = /^(\S+) (joined|left)$/.exec(what ?? "") ?? [];
  if (verb === "joined") see(name);
  if (verb === "left") names.delete(name);
  if (here !== undefined) count = Number(here.replaceAll(",", ""));
  if (what !== undefined || list !== undefined) showPeople();
}

/** Learns from a line that is new: its sender is here. */
export function seeSender({ who }: Message): void {
  if (who === "" || who === user.name) return;
  const isNew = !names.has(who);
  see(who);
  if (isNew) showPeople();
}

function see(name: string): void {
  names.delete(name);
  if (name !== user.name) names.add(name);
  for (const oldest of names) if (names.size > NAMES_MAX) names.delete(oldest);
}

function showPeople(): void {
  people.hidden = names.size === 0 && count === undefined;
  $("#people summary", HTMLElement).textContent =
    count === undefined ? countOf(names.size, "name") : `${count.toLocaleString("en")} here`;
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  $("#people ul", HTMLElement).replaceChildren(
    ...sorted.map((name) => make("li", {}, make("button", { value: name }, name))),
  );
}

/** What `/who` shows, in the words of the terminal. */
export function whoIsHere(): string {
  const known = [...names];
  if (user.name) known.unshift(`${user.name} (you)`);
  const more = (count ?? 0) - known.length;
  const all = known.join(", ") + (more > 0 ? `${known.length > 0 ? " and " : ""}${more} more` : "");
  if (count === undefined) return `here, as far as is known: ${all || "nobody"}`;
  return `${count} here${more < 0 ? ", some of" : ""}: ${all}`;
}

/** Names that begin so, those that have sent last first. */
export const namesFrom = (start: string) =>
  [...names].filter((name) => name.toLowerCase().startsWith(start.toLowerCase())).reverse();

/** What somebody is addressed by, at the start of a line or in it. */
export const address = (before: string, name: string) => before + name + (before ? " " : ": ");

/** Who is here, if a line is the greeting; undefined if it is another one. */
export const greetingOf = (line: string) =>
  room.hasNames && line.startsWith(GREETING)
    ? line.slice(GREETING.length).replace(/[()]/g, "").trim() || "nobody else is here"
    : undefined;
