/** What was sent and received, shown in slices however fast it comes, and what of it is unread. */

import { $, countOf, make, tell } from "./elements.ts";
import { head, isOwnLine, lineOf, type Message, readLine } from "./line.ts";
import { seeSender } from "./people.ts";

/** So many lines are shown at most, and so many notes besides. */
export const LINES_MAX = 5000;
const NOTES_MAX = 20;
/** So many characters wait to be shown at most. */
const WAITING_MAX = 4e6;
/** How many lines are put in place in one go, and how much later it goes on, in ms. */
const LINES_IN_SLICE = 200;
const PAUSE_MS = 30;
/** A flood is not to be read out. */
const READ_OUT_MAX = 20;
/** By so many lines it is known again where in a history one was; and so many own ones are known. */
const LATEST_MAX = 5;
const OWN_MAX = 100;

const log = $("#log", HTMLElement);
const view = $("#view", HTMLElement);
const newer = $("#newer", HTMLButtonElement);

/** Lines of others, and elements made already. */
let waiting: (string | HTMLElement)[] = [];
let waitingSize = 0;
let tooFast = 0;
let timer: number | undefined;
/** How many lines are below what is in sight, and came while the page was hidden. */
let below = 0;
let unread = 0;
let mentions = 0;
/** Whether the end is in sight, where the view stays by itself. */
let isAtEnd = true;
let day = today();
let lastGroup: string | undefined;
let unreadMark: HTMLElement | undefined;
/** What was received last, and what has arrived of the user's own lines: so far history is known already. */
let latest: string[] = [];
let own: string[] = [];

function today(): string {
  return new Date().toDateString();
}

const now = () => new Date().toTimeString().slice(0, 5);

/** Shows lines that others have sent, or the server. */
export function receive(lines: readonly string[]): void {
  wait(lines);
  remember(lines);
}

/** Shows a line that the user has sent as under way; returns how it looks. */
export function addOwn(line: string): HTMLElement {
  const element = lineOf(readLine(line), true, now());
  element.classList.add("sending");
  wait([element]);
  return element;
}

/** The server has received it. */
export function arrived(line: string, element: HTMLElement): void {
  element.classList.remove("sending");
  own = [...own.slice(1 - OWN_MAX), line];
}

/** Shows what is no line: a note of the page, perhaps with something to use in it. */
export function note(text: string, ...more: HTMLElement[]): HTMLElement {
  const element = make("p", { className: "gap" }, text, ...more);
  wait([element]);
  return element;
}

/**
 * Shows the history of a room, without what is shown already.
 *
 * @param isCut whether it had more lines than are shown at most
 */
export function addHistory(lines: readonly string[], isCut: boolean): void {
  const others = lines.filter((line) => !own.includes(line));
  const known = endOfLatest(others);
  const news = others.slice(known);
  remember(news);
  if (known > 0 && news.length === 0) return;
  while (timer !== undefined) show();
  if (isCut && known === 0)
    append([gap(`only the last ${countOf(LINES_MAX)} of history are shown`)]);
  append(news.map((line) => elementOf(readLine(line), "")));
  append([gap("end of history")]);
}

/** Where in lines those end that were received last; 0 if they are not there. */
function endOfLatest(lines: readonly string[]): number {
  const places = [...lines.keys()].filter((at) => isOfMember(lines[at] ?? ""));
  if (latest.length === 0) return 0;
  for (let last = places.length; last >= latest.length; last--)
    if (latest.every((line, at) => line === lines[places[last - latest.length + at] ?? 0]))
      return (places[last - 1] ?? 0) + 1;
  return 0;
}

function remember(lines: readonly string[]): void {
  latest = [...latest, ...lines.filter(isOfMember)].slice(-LATEST_MAX);
}

/** Notices are no history. */
const isOfMember = (line: string) => !line.startsWith("* ");

function wait(items: readonly (string | HTMLElement)[]): void {
  for (const item of items) waitingSize += sizeOf(item);
  waiting = waiting.concat(items);
  let excess = 0;
  while (waiting.length - excess > LINES_MAX || (waitingSize > WAITING_MAX && waiting[excess + 1]))
    waitingSize -= sizeOf(waiting[excess++] ?? "");
  if (excess > 0) waiting = waiting.slice(excess);
  tooFast += excess;
  timer ??= setTimeout(show, PAUSE_MS);
}

const sizeOf = (item: string | HTMLElement) => (typeof item === "string" ? item.length : 0);

/** Shows lines that wait, as many as do not keep a person from typing. */
function show(): void {
  timer = undefined;
  const shown: HTMLElement[] = [];
  if (tooFast > 0) shown.push(gap(`${countOf(tooFast)} went by too fast to be shown`));
  tooFast = 0;
  if (day !== today()) shown.push(gap((day = today())));
  const items = waiting.splice(0, LINES_IN_SLICE);
  const time = now();
  for (const item of items) {
    waitingSize -= sizeOf(item);
    if (typeof item !== "string") shown.push(item);
    else shown.push(...received(item, time));
  }
  view.ariaLive = items.length > READ_OUT_MAX ? "off" : "polite";
  append(shown);
  if (waiting.length > 0) timer = setTimeout(show, PAUSE_MS);
}

/** A line that is new, behind a mark if it is the first that was not seen. */
function received(line: string, time: string): HTMLElement[] {
  const message = readLine(line);
  const element = elementOf(message, time);
  if (message.isServer) return [element];
  seeSender(message);
  if (!document.hidden) return [element];
  const isFirst = unread === 0;
  tellUnread(unread + 1, mentions);
  if (element.classList.contains("mention")) notify(message);
  if (!isFirst) return [element];
  unreadMark?.remove();
  return [(unreadMark = gap("new")), element];
}

function elementOf(message: Message, time: string): HTMLElement {
  return lineOf(message, isOwnLine(message), time);
}

function gap(text: string): HTMLElement {
  return make("p", { className: "gap" }, text);
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
  const most = (isFollowing ? LINES_MAX : 2 * LINES_MAX) + NOTES_MAX;
  while (log.childElementCount > most) log.firstElementChild?.remove();
  if (isFollowing && !isAtEnd) toEnd();
  if (!isFollowing)
    tellBelow(below + shown.filter(({ dataset }) => dataset["group"] !== undefined).length);
}

export function toEnd(): void {
  view.scrollTop = 0;
  tellBelow(0);
}

export function scrollByPages(pages: number): void {
  view.scrollBy(0, pages * view.clientHeight);
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
  tellUnread(unread, mentions + 1);
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    new Notification(who || "linechat", { body: what.slice(0, 200), tag: "linechat" }).onclick =
      () => window.focus();
  } catch {
    // Some telephones have it only for what is installed.
  }
}

/** Lines are copied as they were sent, with their senders. */
log.oncopy = (event) => {
  const selection = getSelection();
  const lines = [...log.children].filter((line) => selection?.containsNode(line, true));
  if (lines.length < 2) return;
  event.clipboardData?.setData("text/plain", lines.map(textOf).join("\n"));
  event.preventDefault();
};

function textOf(line: Element): string {
  const who = line instanceof HTMLElement && line.dataset["who"];
  return (who ? `${who}: ` : "") + (line.querySelector("p") ?? line).textContent;
}

newer.onclick = toEnd;
view.onscroll = () => {
  isAtEnd = view.scrollTop > -30; // It is 0 there, and less further up.
  if (isAtEnd) tellBelow(0);
};
document.addEventListener("visibilitychange", () => document.hidden || tellUnread(0, 0));
