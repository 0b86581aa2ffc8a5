/** The two forms, for lines and for a name and a pass phrase, and what else the user does. Here the page begins. */

import { People } from "../../program/room-view.ts";
import { closed, connect, forms, isIn, leave, send, wake } from "./connection.ts";
import { $, countOf, list, make, people, room, tell, user } from "./elements.ts";
import { hueOf } from "./line.ts";
import { note, toEnd, view } from "./transcript.ts";

/** More lines than this are not sent unasked. */
const LINES_UNASKED = 5;
const COMMAND = /^\/([a-z]+)(?: [^]*)?$/i;
/** What an input method sends for its own keys; Safari says nothing else of the Enter that ends a word. */
const IN_COMPOSITION = 229;
const HELP = `\
/who: show who is here, as far as is known
/time: show when lines arrive, or stop showing it
/quit: leave the room
/help: show this
//...: send a line that begins with a slash
Tab, or a click on a name: address somebody; Tab again for the next one
Shift-Enter: begin a new line; Up, Down: lines entered before; Esc: to the end`;

const words = $("#words", HTMLTextAreaElement);
const door = $("#door", HTMLDialogElement);
const ownName = $("#own-name", HTMLInputElement);
const pass = $("#pass", HTMLInputElement);
const passAsked = $("#pass-asked", HTMLElement);
const name = $("#name", HTMLElement);
const notifications = $("#notify", HTMLButtonElement);
const sending = $("#send", HTMLButtonElement);
const trouble = $("#trouble", HTMLElement);
const yes = make("button", {}, "Send");

/** What was entered, and which of it is shown. */
let entries: string[] = [];
let at = 0;

// 1. Typing.

const COMMANDS = new Map<string, () => void>([
  ["help", () => note(HELP)],
  ["who", () => note(isIn ? people.list : "not connected")],
  ["time", toggleTimes],
  ["quit", leave],
  ["q", leave],
  ["exit", leave],
]);

function toggleTimes(): void {
  const isHidden = document.body.classList.toggle("no-times");
  note(`times are ${isHidden ? "no longer shown" : "shown"}`);
}

function enter(): void {
  const typed = words.value.trimEnd();
  const [, command = ""] = COMMAND.exec(typed) ?? [];
  const run = COMMANDS.get(command.toLowerCase());
  if (run) {
    run();
    return done(typed);
  }
  if (!isIn) return void connect();
  if (typed === "") return;
  const texts = typed.replace(/^\/\//, "/").split("\n");
  const lines = texts.map((text) => (user.name ? `${user.name}: ${text}` : text));
  // Where the server puts names before lines, they do not count.
  const counted = "names" in room ? texts : lines;
  const longest = Math.max(...counted.map((one) => new TextEncoder().encode(one).length)) + 1;
  const longestMax = Number(room["lineBytes"]);
  if (longest > longestMax)
    return complain(`this line has ${longest} bytes; ${longestMax} is the most`);
  const sendAll = () => {
    send(lines);
    done(typed);
  };
  if (command) complain(`unknown command /${command}; send it as a message?`, sendAll);
  else if (lines.length > LINES_UNASKED) complain(`send ${countOf(lines.length)}?`, sendAll);
  else sendAll();
}

function done(typed: string): void {
  entries = [...entries.slice(-99), typed];
  recall(entries.length);
}

function recall(to: number): void {
  at = to;
  words.value = entries[at] ?? "";
  complain("");
}

/** Tells what is wrong with what is entered, or asks whether it is meant; or neither. */
function complain(text: string, onYes?: () => void): void {
  tell(trouble, text);
  if (onYes) trouble.append(" ", yes);
  yes.onclick = () => {
    void (isIn ? onYes?.() : connect());
    words.focus();
  };
  allow();
}

/** Lets the user send what is typed, if there is anything and anybody to send it to. */
function allow(): void {
  sending.disabled = !isIn || words.value.trim() === "" || yes.isConnected;
}

/** Puts something in the place of the text before the cursor; returns whether that is a name. */
function replaceBefore(change: (before: string) => string): boolean {
  const before = words.value.slice(0, words.selectionStart);
  const after = change(before);
  words.setRangeText(after, 0, before.length, "end");
  return after !== before || before.endsWith(" ");
}

words.oninput = () => complain("");
words.onkeydown = (event) => {
  const { key, shiftKey, isComposing, keyCode } = event;
  if (isComposing || keyCode === IN_COMPOSITION) return;
  const step = { ArrowUp: -1, ArrowDown: 1 }[key];
  const pages = { PageUp: -0.9, PageDown: 0.9 }[key];
  const isRecalled = words.value === (entries[at] ?? "");
  if (key === "Tab" && !shiftKey) {
    if (words.value === "" || !replaceBefore((before) => people.complete(before))) return;
  } else if (key === "Enter" && !shiftKey) enter();
  else if (key === "Escape") {
    toEnd();
    complain("");
  } else if (pages) view.scrollBy(0, pages * view.clientHeight);
  else if (step && isRecalled && at + step >= 0 && at + step <= entries.length) recall(at + step);
  else return;
  event.preventDefault();
};
// What is typed after a click on a message is meant for here.
for (const part of [view, list])
  part.onkeydown = ({ key, ctrlKey, metaKey }) => {
    if (!/^(\S|Escape)$/u.test(key) || ctrlKey || metaKey) return;
    list.open = false;
    words.focus();
  };

$("#write", HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  enter();
};
// The keyboard of a telephone stays while the text keeps the focus.
for (const button of [sending, yes]) button.onpointerdown = (event) => event.preventDefault();

// 2. A name and a pass phrase.

function ask(wrong: string): void {
  if (/pass phrase/.test(wrong)) user.pass = kept("sessionStorage", "pass", "");
  ownName.value = user.name;
  ownName.required = "names" in room;
  pass.value = user.pass;
  passAsked.hidden = !("pass" in room) || isIn;
  tell($("#wrong", HTMLElement), wrong);
  $("#welcome", HTMLElement).textContent = isIn ? "Change your name" : "Join the room";
  $("#join", HTMLElement).textContent = isIn ? "Change" : "Join";
  const mayAsk = "Notification" in window && Notification.permission === "default";
  notifications.hidden = !isIn || !mayAsk;
  if (!door.open) door.showModal();
  const isPassMissing = !passAsked.hidden && user.name !== "" && user.pass === "";
  (isPassMissing ? pass : ownName).select();
}

function call(newName: string): void {
  user.name = people.own = newName;
  name.textContent = newName || "no name";
  name.style.setProperty("--hue", `${hueOf(newName)}`);
}

/** What is kept by the browser, or by the tab; some keep nothing. */
function kept(storage: "localStorage" | "sessionStorage", key: string, value?: string): string {
  try {
    if (value !== undefined) window[storage].setItem(key, value);
    return window[storage].getItem(key) ?? "";
  } catch {
    return value ?? "";
  }
}

$("#enter", HTMLFormElement).onsubmit = () => {
  const before = user.name;
  call(kept("localStorage", "name", ownName.value.trim().replace(/[\s:]+/g, "-")));
  if (!passAsked.hidden) user.pass = kept("sessionStorage", "pass", pass.value);
  // Where the server puts names before lines, a new name joins again.
  if ("names" in room && user.name !== before) leave();
  void connect();
};
door.onclose = () => words.focus();
$("#cancel", HTMLElement).onclick = () => door.close();
notifications.onclick = async () => {
  notifications.hidden = (await Notification.requestPermission()) !== "default";
};
name.onclick = () => ask("");
$("#again", HTMLElement).onclick = () => {
  void connect();
  words.focus();
};

// 3. What else happens to the page.

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLElement)) return;
  const listed = target.closest("#people button")?.textContent;
  const who = listed ?? target.closest<HTMLElement>("#log b")?.title;
  if (listed || !list.contains(target)) list.open = false;
  if (!who) return;
  replaceBefore((before) => People.address(before, who));
  words.focus();
});
for (const event of ["visibilitychange", "resume", "online", "pageshow"])
  addEventListener(event, wake, true);
// A page that the browser keeps, to go back to, would keep its name in the room.
addEventListener("pagehide", () => isIn && closed());

Object.assign(forms, { ask, changed: allow });
$("#place", HTMLElement).textContent = location.host + location.pathname.replace(/\/$/, "");
call(kept("localStorage", "name"));
user.pass = kept("sessionStorage", "pass");
words.focus();
leave();
if (user.name === "") ask("");
else void connect();
