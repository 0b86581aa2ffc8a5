/** What was sent and received, shown in slices however fast it comes, and what of it is unread. */

import { Shown } from "../../program/room-view.ts";
import { $, countOf, make, people, showPeople, tell } from "./elements.ts";
import { head, lineOf, type Message, readLine } from "./line.ts";

/** So many lines are shown at most, and so many notes besides. */
const LINES_MAX = 5000;
const ALL_MAX = LINES_MAX + 20;
/** How many lines are put in place in one go, and how much later it goes on, in ms. */
const LINES_IN_SLICE = 200;
const PAUSE_MS = 30;
/** A flood is not to be read out. */
const READ_OUT_MAX = 20;

const log = $("#log", HTMLElement);
export const view = $("#view", HTMLElement);
const newer = $("#newer", HTMLButtonElement);

/** Lines of others, and elements made already; and how many were left out. */
let waiting: (string | HTMLElement)[] = [];
let tooFast = 0;
let timer: number | undefined;
/** How many lines are below what is in sight, and came while the page was hidden. */
let below = 0;
let unread = 0;
let mentions = 0;
let unreadMark: HTMLElement | undefined;
/** Whether the end is in sight, where the view stays by itself; to ask the view costs a layout. */
let isAtEnd = true;
const today = () => new Date().toDateString();
let day = today();
let lastGroup: string | undefined;
const known = new Shown();

const now = () => new Date().toTimeString().slice(0, 5);
const gap = (...content: (HTMLElement | string)[]) => make("p", { className: "gap" }, ...content);

/** Shows lines that others have sent, or the server. */
export function receive(lines: readonly string[]): void {
  known.received(lines);
  wait(lines);
}

/** Shows a line that the user has sent as under way; returns how it looks. */
export function addOwn(line: string): HTMLElement {
  const element = lineOf(readLine(line, true), now());
  element.classList.add("sending");
  wait([element]);
  return element;
}

/** The server has received it. */
export function arrived(line: string, element: HTMLElement): void {
  element.classList.remove("sending");
  known.sent(line);
}

/** Shows what is no line: a note of the page, perhaps with something to use in it. */
export function note(...content: (HTMLElement | string)[]): void {
  wait([gap(...content)]);
}

/** Shows the history of a room, the last lines of it, without what was shown before. */
export function addHistory(lines: readonly string[]): void {
  const missed = known.missed(lines.slice(-LINES_MAX));
  if (missed.length === 0) return;
  known.received(missed);
  const isCut = missed.length === LINES_MAX && lines.length > LINES_MAX;
  const cut = isCut ? [gap(`only the last ${countOf(LINES_MAX)} of history are shown`)] : [];
  wait([...cut, ...missed.map((line) => lineOf(readLine(line), "")), gap("end of history")]);
}

function wait(items: readonly (string | HTMLElement)[]): void {
  waiting = [...waiting, ...items];
  tooFast += waiting.splice(0, waiting.length - ALL_MAX).length;
  timer ??= setTimeout(show, PAUSE_MS);
}

/** Shows lines that wait, as many as do not keep a person from typing. */
function show(): void {
  const items = waiting.splice(0, LINES_IN_SLICE);
  const shown = items.flatMap((item) => (typeof item === "string" ? received(item) : [item]));
  if (day !== today()) shown.unshift(gap((day = today())));
  if (tooFast > 0) shown.unshift(gap(`${countOf(tooFast)} went by too fast to be shown`));
  tooFast = 0;
  view.ariaLive = items.length > READ_OUT_MAX ? "off" : "polite";
  append(shown);
  showPeople();
  timer = waiting.length > 0 ? setTimeout(show, PAUSE_MS) : undefined;
}

/** A line that is new, behind a mark if it is the first that was not seen. */
function received(line: string): HTMLElement[] {
  const message = readLine(line);
  const element = lineOf(message, now());
  if (message.kind === "server") return [element];
  if (message.who) people.sent(message.who);
  if (!document.hidden) return [element];
  const isMention = message.kind.startsWith("mention");
  tellUnread(unread + 1, mentions + Number(isMention));
  if (isMention) notify(message);
  if (unread > 1) return [element];
  unreadMark?.remove();
  unreadMark = gap("new");
  return [unreadMark, element];
}

function append(shown: readonly HTMLElement[]): void {
  for (const element of shown) {
    const { group } = element.dataset;
    if (group !== undefined && group !== lastGroup) head(element);
    lastGroup = group;
  }
  const isFollowing = isAtEnd || shown.some((one) => one.classList.contains("sending"));
  log.append(...shown);
  // A reader further up is not moved, for as long as there is room.
  const most = isFollowing ? ALL_MAX : 2 * ALL_MAX;
  while (log.childElementCount > most) log.firstElementChild?.remove();
  if (!isFollowing) tellBelow(below + shown.filter(({ dataset }) => dataset["group"]).length);
  else if (!isAtEnd) toEnd();
}

export function toEnd(): void {
  view.scrollTop = 0;
  tellBelow(0);
}

function tellBelow(count: number): void {
  below = count;
  tell(newer, below === 0 ? "" : `↓ ${below.toLocaleString("en")} new`);
}

/** Counts in the title: `(2!)` are mentions. */
function tellUnread(lines: number, ofUser: number): void {
  unread = lines;
  mentions = ofUser;
  const count = mentions > 0 ? `${mentions.toLocaleString("en")}!` : unread.toLocaleString("en");
  document.title = unread > 0 ? `(${count}) linechat` : "linechat";
}

/** Tells of a mention also outside of the page, if the user has allowed it. */
function notify({ who, what }: Message): void {
  const options = { body: what.slice(0, 200), tag: "linechat" };
  try {
    new Notification(who || "linechat", options).onclick = () => window.focus();
  } catch {
    // Some browsers have none, or only for what is installed.
  }
}

/** Lines are copied as they were sent, with their senders. Three clicks reach to the next one, not into it. */
log.oncopy = (event) => {
  const range = getSelection()?.getRangeAt(0);
  const isSelected = (part: Node) => range?.intersectsNode(part);
  const lines = [...log.children].filter((line) => [...textIn(line).childNodes].some(isSelected));
  if (lines.length < 2) return;
  event.clipboardData?.setData("text/plain", lines.map(copyOf).join("\n"));
  event.preventDefault();
};

const textIn = (line: Element) => line.querySelector("p") ?? line;

function copyOf(line: Element): string {
  const who = line instanceof HTMLElement && line.dataset["who"];
  return (who ? `${who}: ` : "") + textIn(line).textContent;
}

newer.onclick = toEnd;
view.onscroll = () => {
  isAtEnd = view.scrollTop > -30; // It is 0 there, and less further up.
  if (isAtEnd) tellBelow(0);
};
document.addEventListener("visibilitychange", () => document.hidden || tellUnread(0, 0));
