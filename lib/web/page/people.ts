/** Who is here: a count, and the names on a click. */

import { People } from "../../program/room-view.ts";
import { $, countOf, make } from "./elements.ts";

export const people = new People();

const list = $("#people", HTMLDetailsElement);
let shown = "";

/** Shows what has changed. */
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
