/** What the user does: typing and sending, commands, a name and a pass phrase. Here the page begins. */

import { Connection } from "./connection.ts";
import { $, countOf, room, tell, user } from "./elements.ts";
import { hueOf } from "./line.ts";
import { address, namesFrom, whoIsHere } from "./people.ts";
import { note, scrollByPages, toEnd } from "./transcript.ts";

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
const send = $("#send", HTMLButtonElement);
const trouble = $("#trouble", HTMLElement);
const yes = $("#yes", HTMLButtonElement);

/** What was entered, and which of it is shown. */
let entered: string[] = [];
let at = 0;
/** What Tab has made of the text, and what it makes of that next. */
let completed: { text: string; further: string[] } | undefined;

const connection = new Connection(ask, () => {
  send.disabled = !connection.isIn || words.value.trim() === "";
});
const connect = () => void connection.connect();

// 1. Typing.

const COMMANDS: Record<string, () => void> = {
  help: () => HELP.split("\n").forEach((line) => note(line)),
  who: () => note(whoIsHere()),
  time: () => {
    const isHidden = document.body.classList.toggle("no-times");
    note(`times are ${isHidden ? "no longer shown" : "shown"}`);
  },
  quit: () => connection.leave(),
  q: () => connection.leave(),
  exit: () => connection.leave(),
};

function enter(): void {
  const typed = words.value.trimEnd();
  const [, command = ""] = COMMAND.exec(typed) ?? [];
  const run = COMMANDS[command.toLowerCase()];
  if (run) {
    run();
    return done(typed);
  }
  if (!connection.isIn) return connect();
  if (typed === "") return;
  const texts = typed.replace(/^\/\//, "/").split("\n");
  const lines = texts.map((text) => (user.name ? `${user.name}: ${text}` : text));
  // Where the server puts names before lines, they do not count.
  const counted = room.hasNames ? texts : lines;
  const longest = Math.max(...counted.map((one) => new TextEncoder().encode(one).length)) + 1;
  if (longest > room.lineBytesMax)
    return complain(`this line has ${longest} bytes; ${room.lineBytesMax} is the most`);
  const sendAll = () => {
    if (!connection.isIn) return connect();
    connection.send(lines);
    done(typed);
  };
  if (command) complain(`unknown command /${command}; send it as a message?`, sendAll);
  else if (lines.length > LINES_UNASKED) complain(`send ${countOf(lines.length)}?`, sendAll);
  else sendAll();
}

function done(typed: string): void {
  entered = [...entered.slice(-99), typed];
  recall(entered.length);
}

/** Tells what is wrong with what is entered, or asks whether it is meant. */
function complain(text: string, onYes?: () => void): void {
  trouble.hidden = text === "";
  $("#trouble span", HTMLElement).textContent = text;
  yes.hidden = onYes === undefined;
  yes.onclick = () => {
    onYes?.();
    words.focus();
  };
}

function recall(to: number): void {
  at = to;
  type(entered[at] ?? "");
}

function type(text: string): void {
  words.value = text;
  words.oninput?.(new InputEvent("input"));
}

/** Makes the word before the cursor a name that begins so; returns whether there is one. */
function complete(): boolean {
  const before = words.value.slice(0, words.selectionStart);
  const [word = ""] = /\S*$/.exec(before) ?? [];
  const start = before.slice(0, before.length - word.length);
  if (completed?.text !== before)
    completed = { text: before, further: namesFrom(word).map((one) => address(start, one)) };
  const [next, ...others] = completed.further;
  if (next === undefined || before === "") return false;
  completed = { text: next, further: [...others, next] };
  words.setRangeText(next, 0, before.length, "end");
  return true;
}

/** Addresses somebody at the cursor. */
function addressAt(who: string): void {
  const before = words.value.slice(0, words.selectionStart);
  words.setRangeText(address(before, who), 0, before.length, "end");
  words.focus();
}

words.oninput = () => {
  complain("");
  send.disabled = !connection.isIn || words.value.trim() === "";
};

words.onkeydown = (event) => {
  const { key, shiftKey, isComposing, keyCode } = event;
  if (isComposing || keyCode === IN_COMPOSITION) return;
  const step = { ArrowUp: -1, ArrowDown: 1 }[key];
  const pages = { PageUp: -0.9, PageDown: 0.9 }[key];
  const isRecalled = words.value === (entered[at] ?? "");
  if (key === "Tab" && !shiftKey) {
    if (!complete()) return;
  } else if (key === "Enter" && !shiftKey) enter();
  else if (key === "Escape") {
    toEnd();
    complain("");
  } else if (pages) scrollByPages(pages);
  else if (step && isRecalled && at + step >= 0 && at + step <= entered.length) recall(at + step);
  else return;
  event.preventDefault();
};

$("#write", HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  enter();
};
// The keyboard of a telephone stays while the text keeps the focus.
for (const button of [send, yes]) button.onpointerdown = (event) => event.preventDefault();

// 2. A name and a pass phrase.

function ask(wrong: string): void {
  ownName.value = user.name;
  ownName.required = room.hasNames;
  passAsked.hidden = !room.asksPass || connection.isIn;
  pass.value = "";
  if (/pass phrase/.test(wrong)) user.pass = kept("sessionStorage", "pass", "");
  tell($("#wrong", HTMLElement), wrong);
  $("#welcome", HTMLElement).textContent = connection.isIn ? "Change your name" : "Join the room";
  $("#join", HTMLElement).textContent = connection.isIn ? "Change" : "Join";
  const mayAsk = "Notification" in window && Notification.permission === "default";
  notifications.hidden = !connection.isIn || !mayAsk;
  if (!door.open) door.showModal();
  const isNameWrong = user.name === "" || /\bname\b/.test(wrong);
  (passAsked.hidden || isNameWrong ? ownName : pass).select();
}

function call(newName: string): void {
  user.name = newName;
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

$("#enter", HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  const before = user.name;
  call(kept("localStorage", "name", ownName.value.trim().replace(/[\s:]+/g, "-")));
  if (!passAsked.hidden) user.pass = kept("sessionStorage", "pass", pass.value);
  door.close();
  // Where the server puts names before lines, a new name joins again.
  if (room.hasNames && user.name !== before) connection.leave();
  connect();
};
door.onclose = () => words.focus();
$("#cancel", HTMLElement).onclick = () => door.close();
notifications.onclick = async () => {
  notifications.hidden = (await Notification.requestPermission()) !== "default";
};
name.onclick = () => ask("");
$("#again", HTMLElement).onclick = () => {
  connect();
  words.focus();
};

// 3. What else happens to the page.

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLElement)) return;
  const listed = target.closest("#people button")?.textContent;
  const who = listed ?? target.closest<HTMLElement>("#log b")?.title;
  if (listed || !target.closest("#people")) $("#people", HTMLDetailsElement).open = false;
  if (who) addressAt(who);
});
const wake = () => connection.wake();
document.addEventListener("visibilitychange", () => document.hidden || wake());
for (const event of ["online", "pageshow"]) addEventListener(event, wake);
document.addEventListener("resume", wake);

$("#place", HTMLElement).textContent = location.host;
call(kept("localStorage", "name"));
user.pass = kept("sessionStorage", "pass");
words.focus();
connection.leave();
if (user.name === "" || (room.asksPass && user.pass === "")) ask("");
else connect();
