/** A conversation with a room: lines out, lines in, an end with a reason. */

import { ASK_FOR_NAME } from "../program/names.ts";
import { DISCONNECTS, LASTING, REFUSALS } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";

/** Goes on until everything is sent and the server has closed after that. */
export type Conversation = Pick<OneConnection, "read" | "write" | "endOutput">;

/** How a client takes part in a conversation. */
export interface Part {
  /** Whether it sends lines, up to `endOutput`. */
  readonly sends: boolean;
  /** What it sends where the server asks for a name, unless it has sent a line by then; or empty. */
  readonly name: string;
}

/** What a client knows by the message that ended its connection. */
export interface Disconnect {
  readonly message: string;
  /** Whether the client never was a member: nothing of what it sent was relayed. */
  readonly isRefusal: boolean;
  /** Whether another try would come to the same, until somebody changes something. */
  readonly permanent: boolean;
}

/** No message that disconnects is longer, in bytes, its `* ` and LF included. */
export const SERVER_MESSAGE_BYTES_MAX = 160;
/** No line that asks for a name is longer, in bytes: ten names of 32 characters are told. */
export const ASK_FOR_NAME_BYTES_MAX = 2048;
/** A client that has received more than that, after an LF, was not refused. */
const START_BYTES_MAX = 1 + ASK_FOR_NAME_BYTES_MAX + SERVER_MESSAGE_BYTES_MAX;
/** A client that was not refused for so long, after all that the server asks for, is a member. */
const REFUSAL_MS = 500;

const REFUSAL = patternOf({ ...REFUSALS, ...LASTING });
const DISCONNECT = patternOf(DISCONNECTS);
const FOR_GOOD = patternOf({ ...LASTING, takenOver: DISCONNECTS.takenOver });
/** What asks for a name, as the first that a client receives. */
export const ASKS_FOR_NAME = new RegExp(`^\\n${ASK_FOR_NAME}\\r?\\n`);

/**
 * Recognises a message that disconnects; undefined for any other line.
 *
 * @param line with its `* ` and without its LF
 */
export function disconnectOf(line: string): Disconnect | undefined {
  // It is shown to people as it is: nothing in it may move their cursor or turn text around.
  if (!line.startsWith("* ") || /\p{C}/u.test(line)) return undefined;
  const message = line.slice(2);
  const isRefusal = REFUSAL.test(message);
  if (!isRefusal && !DISCONNECT.test(message)) return undefined;
  return { message, isRefusal, permanent: FOR_GOOD.test(message) };
}

function patternOf(messages: Record<string, string | ((word: string) => string)>): RegExp {
  const shapes = Object.values(messages).map((message) =>
    typeof message === "string" ? message : message("\\S{1,64}"),
  );
  return new RegExp(`^(${shapes.join("|")})$`);
}

/** By what is in a message, the option that helps. */
const OPTIONS = Object.entries({ "pass phrase": "--pass-file", [LASTING.notAName]: "--name" });
/** All that a server of HTTP sends to one that does not speak it begins so. */
const HTTP_ERROR = /^\nHTTP\/1\.[01] [45]\d\d .*\r\n/;

/** What a server that ends the connection first may not have received. */
export const BEFORE_ALL = " before everything was sent";

/**
 * Over one connection: its end is the end of the conversation. A name is sent if the server asks for
 * one in its first line. Bytes pass as they come; only a copy of a few is kept.
 */
export class OneConnection {
  readonly connection: SocketConnection;
  readonly #part: Part;
  readonly #note: (event: string) => void;
  /** Whether a name or a line was sent, which has the name in it, or is it. */
  #hasSent = false;
  /** The name that was sent because the server asked for it. */
  #sentName = "";
  /** Whether this client is known to be a member, because it has received what only members do. */
  isMember = false;
  /** Whether it is one, or was not refused for so long that it can be taken for one. */
  hasJoined = false;
  readonly #joined = Promise.withResolvers<string>();
  /**
   * Resolves once the client is in the room, as far as can be told, before `read` returns what comes
   * from there; with the name that was sent because the server asked for one, or an empty one.
   */
  readonly joined = this.#joined.promise;
  readonly #joins = setTimeout(() => this.#isAsked || this.#join(), REFUSAL_MS);
  /** What was received last, or all of it; begins with an LF, for the line before the first. */
  #seen: Buffer = Buffer.from("\n");

  /** @param note told what is worth to be known of an end in order */
  constructor(connection: SocketConnection, part: Part, note: (event: string) => void) {
    this.connection = connection;
    this.#part = part;
    this.#note = note;
  }

  /**
   * Waits for bytes that others have sent; undefined at the end, if all went well.
   *
   * @throws {UserError} if it did not: the server's last message, or what is lost
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isAsked) this.#sendName();
    try {
      const bytes = await this.connection.read();
      if (bytes) this.#look(bytes);
      if (bytes) return bytes;
    } catch (error) {
      if (!this.disconnect) throw error;
    }
    const { disconnect } = this;
    if (disconnect) {
      const { message } = disconnect;
      const option = OPTIONS.find(([words]) => message.includes(words))?.[1];
      const hint = option ? ` (see ${option})` : "";
      throw new UserError(`the server says: ${message}${hint}`, disconnect);
    }
    const { address, endedByServer } = this.connection;
    if (HTTP_ERROR.test(`${this.#seen}`))
      throw new UserError(`${address} speaks HTTP; open it in a browser`, { permanent: true });
    if (!endedByServer) return undefined;
    const closed = `${address} closed the connection`;
    if (this.#part.sends) throw new UserError(closed + BEFORE_ALL);
    this.#note(closed);
    return undefined;
  }

  /** Sends all of the bytes; returns false when that is in vain, and `read` tells why. */
  write(bytes: Uint8Array, onTaken?: (count: number) => void): Promise<boolean> {
    this.#hasSent = true;
    return this.connection.write(bytes, onTaken);
  }

  /** Half-closes: everything is sent, and the server closes when it has sent what is pending. */
  endOutput(): void {
    this.connection.endOutput();
  }

  /** Gives it up, see `SocketConnection.abandon`. */
  abandon(): void {
    clearTimeout(this.#joins);
    this.connection.abandon();
  }

  /**
   * The message by which the server ended the connection, if that is the last line received. A member
   * is not refused: what looks so was sent by another.
   */
  get disconnect(): Disconnect | undefined {
    const [, line = ""] = /\n([^\n]*)\n$/.exec(`${this.#seen}`) ?? [];
    const disconnect = disconnectOf(line);
    return disconnect?.isRefusal && this.isMember ? undefined : disconnect;
  }

  /** Whether the server waits for a name. */
  get #isAsked(): boolean {
    return !this.#hasSent && !this.isMember && ASKS_FOR_NAME.test(`${this.#seen}`);
  }

  #look(bytes: Uint8Array): void {
    const seen = Buffer.concat([this.#seen, bytes.subarray(-START_BYTES_MAX)]);
    this.#seen = seen.subarray(-START_BYTES_MAX);
    this.isMember ||= seen.length > START_BYTES_MAX || isFromRoom(`${seen}`);
    if (this.isMember) this.#join();
  }

  #join(): void {
    this.hasJoined = true;
    this.#joined.resolve(this.#sentName);
  }

  #sendName(): void {
    const { name, sends } = this.#part;
    if (name === "" && !sends)
      throw new UserError("the room asks for a name; give one with --name", { permanent: true });
    this.#hasSent = true;
    // Without one, the first line that is sent is it.
    if (name === "" || this.connection.outputEnded) return this.#join();
    void this.connection.write(`${name}\n`);
    this.#sentName = name;
    this.#joins.refresh();
  }
}

/** Whether that is more than what a client receives that is not a member. */
function isFromRoom(seen: string): boolean {
  const [, ...lines] = seen.replace(ASKS_FOR_NAME, "\n").split("\n");
  const unfinished = lines.pop() ?? "";
  return !"* ".startsWith(unfinished.slice(0, 2)) || lines.some((line) => !disconnectOf(line));
}
