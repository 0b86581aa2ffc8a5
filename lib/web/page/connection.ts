/**
 * The connection to the room, which is made again when it is lost; and which of the user's lines the
 * server has received: those that were sent before a question that it has answered.
 */

import { People } from "../../program/room-view.ts";
import { $, countOf, make, people, renewSettings, room, showPeople, user } from "./elements.ts";
import { addHistory, addOwn, arrived, note, receive } from "./transcript.ts";

const HISTORY_END = "* end of history";
const QUESTION = new Uint8Array(0);
/** The server sends something every 25 s; one that does not is asked, and may take so long to answer. */
const SILENT_MS = 45_000;
const ANSWER_MS = 15_000;

/** The close code after a server message that tells why. */
const DISCONNECTED = 1008;
/** How long a connection is that was a good one, in ms. */
const LONG_MS = 5000;
/** What may be different in a moment, and what the user has to change. */
const PASSING = /^($|room is full$|too many |this server |server out of sync)/;
const TAKEN = /^the name \S+ is taken$/;
const REFUSED = /pass phrase|^a name is |^the name /;

const state = $("#state", HTMLElement);
const again = $("#again", HTMLButtonElement);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Told that a name or a pass phrase is needed, or why it was refused; and that lines can be sent, or not. */
export const forms = { ask(_refusal: string) {}, changed() {} };

/** Whether this page is a member: only a member is sent an answer, or lines. */
export let isIn = false;
let socket: WebSocket | undefined;
/** Ends a try to connect, and what is told of its socket. */
let trying = new AbortController();
let failures = 0;
/** What happens next if nothing else does: it connects, asks, or gives up. */
let next: (() => unknown) | undefined;
let dueTimer: number | undefined;
/** What came before it was known to be a member; and the history, until all of it is there. */
let held: string[] = [];
let history: string[] | undefined;
/** Since when it is a member; or when that was lost, and the name of the user there. */
let inSince = 0;
let lost: { readonly atMs: number; readonly name: string } | undefined;
/** The last line, if it is a server message: why it disconnects, perhaps; and what was told last. */
let lastMessage = "";
let toldWhy = "";
let toldPeople = "";

/** A line of the user, and how it looks. */
interface Sent {
  readonly line: string;
  readonly element: HTMLElement;
}
/** Lines that are not known to be received, and how many of them the question is about, if one is out. */
const underWay: Sent[] = [];
let asked: number | undefined;
/** Lines that may be lost, and what sends them again. */
const doubtful: Sent[] = [];
const sendAgain = make("button", { onclick: repeat }, "Send again");

// 1. What the user does.

/** Connects, unless it does already; looks first what the room asks for now. */
export async function connect(): Promise<void> {
  if (socket) return;
  drop();
  tellState("busy", "connecting");
  later(ANSWER_MS, closed);
  const { signal } = (trying = new AbortController());
  const why = await renewSettings(signal);
  if (signal.aborted) return;
  if (why !== undefined) return tryLater(why);
  if (("pass" in room && user.pass === "") || ("names" in room && user.name === "")) {
    leave();
    return forms.ask("");
  }
  history = "history" in room ? [] : undefined;
  lastMessage = "";
  held = [];
  socket = new WebSocket(location.origin.replace(/^http/, "ws") + location.pathname);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", opened, { signal });
  socket.addEventListener("message", ({ data }) => receivedMessage(data), { signal });
  socket.addEventListener("close", ({ code }) => closed(code), { signal });
}

/** Leaves the room, until the user connects again. */
export function leave(): void {
  drop();
  doubt("");
  tellState("away", "not connected");
}

/** Sends lines that the user has entered, a message each, and shows them. */
export function send(lines: readonly string[]): void {
  for (const line of lines) {
    socket?.send(line);
    underWay.push({ line, element: addOwn(line) });
  }
  if (asked === undefined) question();
}

/** Sends lines again that may be lost; or connects, to do so then. */
function repeat(): void {
  if (!isIn) return void connect();
  sendAgain.remove();
  for (const { element } of doubtful) element.remove();
  send(doubtful.splice(0).map(({ line }) => line));
}

/** The network may be another one by now. */
export function wake(): void {
  if (next !== closed) next?.();
}

// 2. What the server does.

function opened(): void {
  if ("pass" in room) socket?.send(user.pass);
  if ("names" in room) socket?.send(user.name);
  question();
}

/** Asks whether the server is there, and has all that was sent before; once until it answers. */
function question(): void {
  socket?.send(QUESTION);
  asked = underWay.length;
  watch();
}

/** By itself the browser would tell of the end of a dead connection only much later. */
function watch(): void {
  if (asked === undefined) later(SILENT_MS, question);
  else later(ANSWER_MS, closed);
}

function receivedMessage(data: ArrayBuffer): void {
  if (data.byteLength === 0) answered();
  else receivedLines(decoder.decode(data).replace(/\n$/, "").split("\n"));
  watch();
}

function answered(): void {
  if (!isIn) joined();
  for (const { line, element } of underWay.splice(0, asked ?? 0)) arrived(line, element);
  asked = undefined;
  if (underWay.length > 0) question();
}

function receivedLines(lines: readonly string[]): void {
  const last = lines.at(-1) ?? "";
  lastMessage = last.startsWith("* ") ? last.slice(2) : "";
  for (const line of lines) people.told(line);
  showPeople();
  // Only a member is sent more than server messages, one of which may be a refusal.
  const isMember = lines.some((line) => !line.startsWith("* ") || line === HISTORY_END);
  if (isMember && !isIn) joined();
  if (isIn) addLines(lines);
  else held.push(...lines.filter((line) => !People.greeting.test(line)));
}

function joined(): void {
  inSince = performance.now();
  toldWhy = "";
  tellState("here", "connected");
  if (lost) {
    const seconds = Math.round((inSince - lost.atMs) / 1000);
    const missing = "history" in room ? "" : "; what was sent in between is missing";
    note(`reconnected to ${location.host} after ${seconds} s${missing}`);
  }
  lost = undefined;
  if (history === undefined) tellPeople();
}

/** Tells who is here, if that has changed, and shows what came before it was known to be a member. */
function tellPeople(): void {
  if ("names" in room && people.list !== toldPeople) note((toldPeople = people.list));
  addLines(held);
}

function addLines(lines: readonly string[]): void {
  if (history === undefined) return receive(lines);
  const end = lines.indexOf(HISTORY_END);
  history = [...history, ...(end < 0 ? lines : lines.slice(0, end))];
  if (end < 0) return;
  addHistory(history);
  history = undefined;
  tellPeople();
  receive(lines.slice(end + 1));
}

/**
 * The connection is lost, or given up: tells why, and connects again later if that may help.
 *
 * @param code of its close, if it has come to that
 */
export function closed(code?: number): void {
  drop();
  const why = code === DISCONNECTED ? lastMessage || "disconnected by the server" : "";
  const isRefused = REFUSED.test(why);
  if (isIn) {
    if (performance.now() - inSince > LONG_MS) failures = 0;
    lost = { atMs: performance.now(), name: user.name };
    doubt(PASSING.test(why) ? "connection lost" : "");
  } else if (why !== "" && why !== toldWhy && !isRefused) note(why);
  toldWhy = why;
  // A name may be taken by oneself, for as long as the server has not noticed the loss.
  const isOwnName = TAKEN.test(why) && user.name === lost?.name;
  if (PASSING.test(why) || isOwnName) return tryLater(why || "not connected");
  tellState("away", why);
  if (isRefused) forms.ask(`The server refuses: ${why}`);
}

/** There will be no answer: tells what happened, if that is to be told, and which lines may be lost. */
function doubt(loss: string): void {
  const lines = underWay.splice(0);
  for (const { element } of lines) element.classList.replace("sending", "doubtful");
  doubtful.push(...lines);
  const last = doubtful.length === 1 ? "line" : countOf(doubtful.length);
  const doubts = lines.length > 0 ? `the last ${last} you sent may be lost ` : "";
  const told = [loss, doubts].filter((some) => some !== "").join("; ");
  if (told !== "") note(told, ...(doubts ? [sendAgain] : []));
}

function tryLater(why: string): void {
  const delayMs = Math.min(30_000, 500 * 2 ** failures++) * (0.5 + Math.random() / 2);
  tellState("away", `${why}; retrying in ${Math.ceil(delayMs / 1000)} s`);
  later(delayMs, connect);
}

function later(delayMs: number, action: () => unknown): void {
  clearTimeout(dueTimer);
  next = action;
  dueTimer = setTimeout(action, delayMs);
}

function tellState(kind: "here" | "busy" | "away", text: string): void {
  isIn = kind === "here";
  state.className = kind;
  state.textContent = text;
  again.hidden = kind !== "away";
  forms.changed();
}

/** Ends what is open, and what is tried. */
function drop(): void {
  clearTimeout(dueTimer);
  trying.abort();
  socket?.close();
  socket = next = asked = undefined;
  people.joined();
  showPeople();
}
