/** The connection to the room, which is made again when it is lost. */

import { $, renewSettings, room, user } from "./elements.ts";
import { forgetPeople, greetingOf, seeMessage } from "./people.ts";
import { answered, asks, doubt, isQuestionOut, underWay } from "./receipts.ts";
import { addHistory, LINES_MAX, note, receive } from "./transcript.ts";

const HISTORY_END = "* end of history";
const QUESTION = new Uint8Array(0);
/** The server sends something every 25 s; one that does not is asked, and may take so long to answer. */
const SILENT_MS = 45_000;
const ANSWER_MS = 15_000;

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

export class Connection {
  readonly #ask: (why: string) => void;
  readonly #changed: () => void;
  #socket: WebSocket | undefined;
  /** Whether the room has let this one in: only a member is sent an answer, or lines. */
  isIn = false;
  #inSince = 0;
  /** What came before that is known: who is here, or why this one is refused. */
  #held: string[] = [];
  #greeting = "";
  #toldGreeting = "";
  /** Undefined while what comes is new. */
  #history: string[] | undefined;
  #isCut = false;
  /** When something was received last, and whether something has to come at once. */
  #heardAt = 0;
  #isProbed = false;
  #alarm: number | undefined;
  #retry: number | undefined;
  #attempt = 0;
  #failures = 0;
  #isFirst = true;
  /** When a connection was lost that is to be marked, and the name that the user had in it. */
  #lostAt: number | undefined;
  #nameThere: string | undefined;
  /** The last line, if it is a server message: why it disconnects, perhaps; and which was shown. */
  #lastMessage = "";
  #toldMessage = "";

  /**
   * @param ask asks the user for a name or a pass phrase; why, if the server has refused them
   * @param changed told when lines can be sent, or no more
   */
  constructor(ask: (why: string) => void, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Connects, unless it does already; after the first time it looks what the room asks for now. */
  async connect(): Promise<void> {
    if (this.#socket) return;
    this.#stopTrying();
    this.#tell("busy", "connecting");
    const attempt = this.#attempt;
    const why = this.#isFirst ? undefined : await renewSettings(ANSWER_MS);
    if (attempt !== this.#attempt) return;
    this.#isFirst = false;
    if (why !== undefined) return this.#tryLater(why);
    if ((room.asksPass && user.pass === "") || (room.hasNames && user.name === "")) {
      this.#tell("away", "not connected");
      return this.#ask("");
    }
    this.#open(new WebSocket(location.origin.replace(/^http/, "ws") + location.pathname));
  }

  #open(socket: WebSocket): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (room.asksPass) socket.send(user.pass);
      if (room.hasNames) socket.send(user.name);
      this.#question();
    };
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#received(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#held = [];
    this.#history = room.hasHistory ? [] : undefined;
    this.#isCut = false;
    this.#lastMessage = "";
    forgetPeople();
    this.#probe();
  }

  /** Sends lines that the user has entered, and shows them. */
  send(lines: readonly string[]): void {
    // A message each, so that it is the line that is too long, and not the message.
    for (const line of lines) this.#socket?.send(line);
    underWay(lines);
    if (!isQuestionOut()) this.#question();
  }

  /** Leaves the room, until the user connects again. */
  leave(): void {
    this.#stopTrying();
    this.#drop();
    doubt("", this.#repeat);
    this.#tell("away", "not connected");
  }

  /** The network may be another one by now. */
  wake(): void {
    if (this.#retry !== undefined) void this.connect();
    else if (!this.#isProbed) this.#question();
  }

  #tell(kind: "here" | "busy" | "away", text: string): void {
    this.isIn = kind === "here";
    state.className = kind;
    state.textContent = text;
    again.hidden = kind !== "away";
    this.#changed();
  }

  /** Asks whether the server is there, and has all that was sent before. */
  #question(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(QUESTION);
    asks();
    this.#probe();
  }

  #probe(): void {
    this.#isProbed = true;
    clearTimeout(this.#alarm);
    this.#alarm = setTimeout(() => this.#look(), ANSWER_MS);
  }

  /** Looks whether the server is there, at the latest when it has been silent for too long. */
  #look(): void {
    const restMs = this.#heardAt + SILENT_MS - performance.now();
    if (this.#isProbed) {
      // By itself the browser would tell of the end of a dead connection only much later.
      this.#drop();
      this.#closed(ABNORMAL);
    } else if (restMs > 0) this.#alarm = setTimeout(() => this.#look(), restMs);
    else this.#question();
  }

  #received(data: ArrayBuffer): void {
    this.#isProbed = false;
    this.#heardAt = performance.now();
    if (data.byteLength === 0) return this.#answered();
    const lines = decoder.decode(data).replace(/\n$/, "").split("\n");
    const [message = ""] = lines.slice(-1);
    this.#lastMessage = message.startsWith("* ") ? message.slice(2) : "";
    for (const line of lines) if (line.startsWith("* ")) seeMessage(line.slice(2));
    if (this.isIn) return this.#show(lines);
    this.#greeting = greetingOf(message) ?? this.#greeting;
    this.#held.push(...lines.filter((line) => greetingOf(line) === undefined));
    // One server message may be a refusal.
    if (this.#held.some((line) => !line.startsWith("* ")) || this.#held.length > 1) this.#entered();
  }

  #answered(): void {
    if (!this.isIn) this.#entered();
    if (answered()) this.#question();
  }

  #entered(): void {
    this.#inSince = performance.now();
    this.#toldMessage = "";
    this.#tell("here", "connected");
    if (this.#lostAt !== undefined) {
      const seconds = Math.round((this.#inSince - this.#lostAt) / 1000);
      const missing = room.hasHistory ? "" : "; what was sent in between is missing";
      note(`reconnected to ${location.host} after ${seconds} s${missing}`);
    }
    this.#lostAt = undefined;
    if (this.#greeting !== this.#toldGreeting) note(this.#greeting);
    this.#toldGreeting = this.#greeting;
    if (this.#held.length > 0) this.#show(this.#held);
  }

  #show(lines: string[]): void {
    if (this.#history === undefined) return receive(lines);
    const end = lines.indexOf(HISTORY_END);
    for (const line of end < 0 ? lines : lines.slice(0, end)) this.#history.push(line);
    const excess = Math.max(0, this.#history.length - LINES_MAX);
    this.#history.splice(0, excess);
    this.#isCut ||= excess > 0;
    if (end < 0) return;
    addHistory(this.#history, this.#isCut);
    this.#history = undefined;
    receive(lines.slice(end + 1));
  }

  #closed(code: number): void {
    clearTimeout(this.#alarm);
    this.#socket = undefined;
    const why = code === DISCONNECTED ? this.#lastMessage || "disconnected by the server" : "";
    const isLoss = why === "" || why === OUT_OF_SYNC;
    if (this.isIn) {
      if (performance.now() - this.#inSince > LONG_MS) this.#failures = 0;
      this.#lostAt = performance.now();
      this.#nameThere = user.name;
      doubt(isLoss ? "connection lost" : "", this.#repeat);
    } else if (why !== "" && why !== this.#toldMessage && !REFUSED.test(why)) note(why);
    this.#toldMessage = why;
    // A name may be taken by oneself, for as long as the server has not noticed the loss.
    const isOwnName = TAKEN.test(why) && user.name === this.#nameThere;
    if (why === "" || PASSING.test(why) || isOwnName) return this.#tryLater(why || "not connected");
    this.#tell("away", why);
    if (REFUSED.test(why)) this.#ask(`The server refuses: ${why}`);
  }

  #tryLater(why: string): void {
    const delayMs = Math.min(30_000, 500 * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
    this.#tell("away", `${why}; retrying in ${Math.ceil(delayMs / 1000)} s`);
    this.#retry = setTimeout(() => void this.connect(), delayMs);
  }

  #stopTrying(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#attempt++;
  }

  /** Sends lines again that may be lost; or connects, to do so then. */
  readonly #repeat = (takeLines: () => string[]) => {
    if (this.isIn) this.send(takeLines());
    else void this.connect();
  };

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#alarm);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
