/** The connection to the room, which is made again when it is lost. */

import { GREETING } from "../../program/room-view.ts";
import { $, renewSettings, room, user } from "./elements.ts";
import { people, showPeople } from "./people.ts";
import { answered, asks, doubt, sent } from "./receipts.ts";
import { addHistory, note, receive } from "./transcript.ts";

const HISTORY_END = "* end of history";
const QUESTION = new Uint8Array(0);
/** The server sends something every 25 s; one that does not is asked, and may take so long to answer. */
const SILENT_MS = 45_000;
const ANSWER_MS = 15_000;
const LOOK_MS = 1000;

/** The close code after a server message that tells why. */
const DISCONNECTED = 1008;
const ABNORMAL = 1006;
const OUT_OF_SYNC = "server out of sync; please reconnect";
/** How long a connection is that was a good one, in ms. */
const LONG_MS = 5000;
/** What may be different in a moment, and what the user has to change. */
const PASSING = /^(room is full$|too many |this server |server out of sync)/;
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
let retry: number | undefined;
let failures = 0;
/** What came before that was known, and the history until all of it is there. */
let held: string[] = [];
let history: string[] | undefined;
/** When something was received last, and since when something has to come, in ms. */
let receivedAt = 0;
let askedAt: number | undefined;
/** Since when it is in; when it was lost, if that is to be marked, and the name of the user there. */
let inSince = 0;
let lostAt: number | undefined;
let nameThere: string | undefined;
/** The last line, if it is a server message: why it disconnects, perhaps; and what was told last. */
let lastMessage = "";
let toldWhy = "";
let toldPeople = "";

/** Connects, unless it does already; looks first what the room asks for now. */
export async function connect(): Promise<void> {
  if (socket) return;
  drop();
  tellState("busy", "connecting");
  askedAt = performance.now();
  const { signal } = (trying = new AbortController());
  const why = await renewSettings(signal);
  if (signal.aborted) return;
  if (why !== undefined) return tryLater(why);
  if ((room.asksPass && user.pass === "") || (room.hasNames && user.name === "")) {
    leave();
    return forms.ask("");
  }
  people.joined();
  held = [];
  history = room.hasHistory ? [] : undefined;
  lastMessage = "";
  const opening = new WebSocket(location.origin.replace(/^http/, "ws") + location.pathname);
  opening.binaryType = "arraybuffer";
  opening.addEventListener("open", opened, { signal });
  opening.addEventListener("message", ({ data }) => receivedMessage(data), { signal });
  opening.addEventListener("close", ({ code }) => closed(code), { signal });
  socket = opening;
}

/** Leaves the room, until the user connects again. */
export function leave(): void {
  drop();
  doubt("", repeat);
  tellState("away", "not connected");
}

/** Sends lines that the user has entered, a message each, and shows them. */
export function send(lines: readonly string[]): void {
  let isQuestionDue = false;
  for (const line of lines) {
    socket?.send(line);
    isQuestionDue = sent(line);
  }
  if (isQuestionDue) question();
}

/** The network may be another one by now. */
export function wake(): void {
  if (retry !== undefined) void connect();
  else if (askedAt === undefined) question();
}

function tellState(kind: "here" | "busy" | "away", text: string): void {
  isIn = kind === "here";
  state.className = kind;
  state.textContent = text;
  again.hidden = kind !== "away";
  forms.changed();
}

function opened(): void {
  if (room.asksPass) socket?.send(user.pass);
  if (room.hasNames) socket?.send(user.name);
  question();
}

/** Asks whether the server is there, and has all that was sent before. */
function question(): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(QUESTION);
  asks();
  askedAt = performance.now();
}

/** By itself the browser would tell of the end of a dead connection only much later. */
function look(): void {
  setTimeout(look, LOOK_MS);
  const now = performance.now();
  if (askedAt !== undefined && now - askedAt > ANSWER_MS) {
    drop();
    closed(ABNORMAL);
  } else if (askedAt === undefined && now - receivedAt > SILENT_MS) question();
}
look();

function receivedMessage(data: ArrayBuffer): void {
  askedAt = undefined;
  receivedAt = performance.now();
  if (data.byteLength === 0) {
    if (!isIn) joined();
    if (answered()) question();
    return;
  }
  const lines = decoder.decode(data).replace(/\n$/, "").split("\n");
  const last = lines.at(-1) ?? "";
  lastMessage = last.startsWith("* ") ? last.slice(2) : "";
  for (const line of lines) people.told(line);
  showPeople();
  if (isIn) return addLines(lines);
  held.push(...lines.filter((line) => !GREETING.test(line)));
  // One server message may be a refusal.
  if (held.length > 1 || held.some((line) => !line.startsWith("* "))) joined();
}

function joined(): void {
  inSince = performance.now();
  toldWhy = "";
  tellState("here", "connected");
  if (lostAt !== undefined) {
    const seconds = Math.round((inSince - lostAt) / 1000);
    const missing = room.hasHistory ? "" : "; what was sent in between is missing";
    note(`reconnected to ${location.host} after ${seconds} s${missing}`);
  }
  lostAt = undefined;
  if (room.hasNames && people.list !== toldPeople) note((toldPeople = people.list));
  if (held.length > 0) addLines(held);
}

function addLines(lines: readonly string[]): void {
  if (history === undefined) return receive(lines);
  const end = lines.indexOf(HISTORY_END);
  history = [...history, ...(end < 0 ? lines : lines.slice(0, end))];
  if (end < 0) return;
  addHistory(history);
  history = undefined;
  receive(lines.slice(end + 1));
}

function closed(code: number): void {
  socket = askedAt = undefined;
  const why = code === DISCONNECTED ? lastMessage || "disconnected by the server" : "";
  const isRefused = REFUSED.test(why);
  if (isIn) {
    if (performance.now() - inSince > LONG_MS) failures = 0;
    lostAt = performance.now();
    nameThere = user.name;
    doubt(why === "" || why === OUT_OF_SYNC ? "connection lost" : "", repeat);
  } else if (why !== "" && why !== toldWhy && !isRefused) note(why);
  toldWhy = why;
  // A name may be taken by oneself, for as long as the server has not noticed the loss.
  const isOwnName = TAKEN.test(why) && user.name === nameThere;
  if (why === "" || PASSING.test(why) || isOwnName) return tryLater(why || "not connected");
  tellState("away", why);
  if (isRefused) forms.ask(`The server refuses: ${why}`);
}

function tryLater(why: string): void {
  const delayMs = Math.min(30_000, 500 * 2 ** failures++) * (0.5 + Math.random() / 2);
  askedAt = undefined;
  tellState("away", `${why}; retrying in ${Math.ceil(delayMs / 1000)} s`);
  retry = setTimeout(() => void connect(), delayMs);
}

/** Sends lines again that may be lost; or connects, to do so then. */
function repeat(takeLines: () => string[]): void {
  if (isIn) send(takeLines());
  else void connect();
}

/** Ends what is open, and what is tried. */
function drop(): void {
  clearTimeout(retry);
  trying.abort();
  socket?.close();
  socket = retry = askedAt = undefined;
}
