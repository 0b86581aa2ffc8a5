/** A line as it looks. All of it is text: nothing that is sent becomes markup. */

import { countOf, make, room, user } from "./elements.ts";

/** So many characters of a long line are shown at first. */
const CHARACTERS_MAX = 1000;

/** What would act on the text around it, and what may be a link. */
const SPECIAL =
  /([\0-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb])|\bhttps?:\/\/[^\s<>"“”„«»\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\u3000-\u301f\ufeff\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]+/g;
/** Punctuation, of any script, except what a URL may well end with. */
const NOT_AT_END = /(?![/\-_#%&*@)])\p{P}$/u;

/** A line, with what it begins with: its sender, or empty; and the classes of its element. */
export interface Message {
  readonly who: string;
  readonly what: string;
  readonly kind: string;
}

/** @param isSent whether the user has sent it just now; with `--names` this is known of others too */
export function readLine(line: string, isSent = false): Message {
  const text = line.replace(/\r$/, "");
  if (!isSent && text.startsWith("* ")) return { who: "", what: text, kind: "server" };
  const [, who = "", what = text] = /^([^\s:]{1,64}): ([^]*)$/.exec(text) ?? [];
  const isOwn = isSent || ("names" in room && who !== "" && who === user.name);
  const kind = isOwn ? "own" : isMention(what) ? "mention" : "";
  return { who, what, kind: who === "" ? `${kind} bare`.trim() : kind };
}

/** @param time when it came; empty if that is not known */
export function lineOf({ who, what, kind }: Message, time: string): HTMLElement {
  const body = make("p", { dir: "auto" });
  if (spell(body, what, CHARACTERS_MAX)) {
    const onclick = () => spell(body, what);
    body.append(make("button", { onclick }, `… all ${countOf(what.length, "character")}`));
  }
  const line = make("div", { className: `line ${kind}`.trim() }, body);
  // Lines of one sender and minute are a group, and most lines of a flood are light.
  const group = `${kind.replace(/^mention ?/, "")} ${who} ${time}`;
  Object.assign(line.dataset, { who, time, group });
  return line;
}

/** Shows sender and time at the first line of a group. */
export function head(line: HTMLElement): void {
  const { who = "", time = "" } = line.dataset;
  const name = who || (line.classList.contains("own") ? "you" : "");
  const sender = make("b", { title: who, dir: "auto" });
  spell(sender, name);
  sender.style.setProperty("--hue", `${hueOf(who)}`);
  if (name) line.prepend(sender);
  line.classList.add("first");
  line.append(make("time", {}, time));
}

/** Whether a text has the user's name as a word. */
function isMention(what: string): boolean {
  const { name } = user;
  if (name === "" || !what.toLowerCase().includes(name.toLowerCase())) return false;
  const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const word = `(^|[^\\p{L}\\p{M}\\p{N}_])${escaped}(?![\\p{L}\\p{M}\\p{N}_])`;
  return new RegExp(word, "iu").test(what);
}

/**
 * Puts text into an element, with its links, and with what would act on it in a form that only shows;
 * returns whether some is left out.
 *
 * @param lengthMax how much of it, but a link leads where all of it does
 */
function spell(element: HTMLElement, text: string, lengthMax = text.length): boolean {
  const parts: (Node | string)[] = [];
  let from = 0;
  for (const { 0: found, 1: control, index } of text.matchAll(SPECIAL)) {
    if (index >= lengthMax) break;
    const href = control ?? linkIn(found);
    const shown = href.slice(0, lengthMax - index);
    parts.push(text.slice(from, index));
    if (control) parts.push(make("i", {}, nameOfControl(control)));
    else parts.push(make("a", { href, target: "_blank", rel: "noreferrer", dir: "ltr" }, shown));
    from = index + href.length;
  }
  parts.push(text.slice(from, Math.max(from, lengthMax)));
  element.replaceChildren(...parts);
  return lengthMax < text.length;
}

/** A link without the punctuation of the sentence around it; a bracket is its own if it opens there. */
function linkIn(found: string): string {
  let end = found.length;
  let open = found.split("(").length - found.split(")").length;
  for (; ; end--) {
    const last = found.slice(Math.max(0, end - 2), end);
    if (last.endsWith(")") && open < 0) open++;
    else if (!NOT_AT_END.test(last)) return found.slice(0, end);
  }
}

/** `^[` for an escape, `U+202E` for what has no such name. */
function nameOfControl(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 32) return `^${String.fromCharCode(code + 64)}`;
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Spreads names over all hues. */
export function hueOf(name: string): number {
  const hash = [...name].reduce((sum, one) => (sum * 31 + (one.codePointAt(0) ?? 0)) % 65_521, 0);
  return (hash * 137.508) % 360;
}
