/** A conversation with a room: lines out, lines in, an end with a reason. */

import { ASK_FOR_NAME } from "../program/names.ts";
import { DISCONNECTS, LASTING, REFUSALS } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";

/** Goes on until everything is sent and the server has closed after that. */
export interface Conversation {
  /**
   * Waits for bytes that others have sent; undefined at the end, if all went well.
   *
   * @throws {UserError} if it did not: the server's last message, or what is lost
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends all of the bytes; returns false when that is in vain, and `read` tells why. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Everything is sent: half-closes, and the server closes when it has sent what is pending. */
  endOutput(): void;
}

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

const REFUSAL = patternOf({ ...REFUSALS, ...LASTING });
const DISCONNECT = patternOf(DISCONNECTS);
const FOR_GOOD = patternOf({ ...LASTING, takenOver: DISCONNECTS.takenOver });
/** What asks for a name, as the first that a client receives. */
export const ASKS_FOR_NAME = new RegExp(`^\\n${ASK_FOR_NAME}\\r?\\n`);
/** A client that has received more than that was not refused. */
const START_BYTES_MAX = ASK_FOR_NAME_BYTES_MAX + SERVER_MESSAGE_BYTES_MAX;
/** The start of a line that is not the server's own. */
const LINE_OF_MEMBER = /\n(?!\* |\*?$)/;
/** A client that was not refused for so long, after all that the server asks for, is a member. */
const REFUSAL_MS = 500;

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

/** What a server that ends the connection first may not have received. */
export const BEFORE_ALL = " before everything was sent";

/**
 * Over one connection: its end is the end of the conversation. A name is sent if the server asks for
 * one in its first line. Bytes pass as they come; only a copy of a few is kept.
 */
export class OneConnection implements Conversation {
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
  #joins: Timer;
  /** What was received last, or all of it; begins with an LF, for the line before the first. */
  #seen: Buffer = Buffer.from("\n");

  /** @param note told what is worth to be known of an end in order */
  constructor(connection: SocketConnection, part: Part, note: (event: string) => void) {
    this.connection = connection;
    this.#part = part;
    this.#note = note;
    this.#joins = this.#joinSoon();
  }

  /**
   * Resolves once the client is in the room, as far as can be told, before `read` returns what comes
   * from there; with the name that was sent because the server asked for one, or an empty one.
   */
  get joined(): Promise<string> {
    return this.#joined.promise;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (!this.#hasSent && !this.isMember && ASKS_FOR_NAME.test(`${this.#seen}`)) this.#sendName();
    try {
      const bytes = await this.connection.read();
      if (bytes !== undefined) {
        this.#look(bytes);
        return bytes;
      }
      clearTimeout(this.#joins);
    } catch (error) {
      clearTimeout(this.#joins);
      if (!this.disconnect) throw error;
    }
    const { disconnect } = this;
    if (disconnect) {
      const { message } = disconnect;
      const hint = message === LASTING.wrongPassPhrase ? " (see --pass-file)" : "";
      throw new UserError(`the server says: ${message}${hint}`, disconnect);
    }
    if (!this.connection.endedByServer) return undefined;
    const closed = `${this.connection.address} closed the connection`;
    if (this.#part.sends) throw new UserError(closed + BEFORE_ALL);
    this.#note(closed);
    return undefined;
  }

  write(bytes: Uint8Array, onTaken?: (count: number) => void): Promise<boolean> {
    this.#hasSent = true;
    return this.connection.write(bytes, onTaken);
  }

  endOutput(): void {
    this.connection.endOutput();
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

  #look(bytes: Uint8Array): void {
    const keptBytes = 1 + (this.isMember ? SERVER_MESSAGE_BYTES_MAX : START_BYTES_MAX);
    const isMore = this.#seen.length + bytes.length > keptBytes;
    this.#seen = Buffer.concat([this.#seen, bytes.subarray(-keptBytes)]).subarray(-keptBytes);
    this.isMember ||= isMore || isFromRoom(`${this.#seen}`);
    if (this.isMember) this.#join();
    else if (ASKS_FOR_NAME.test(`${this.#seen}`)) clearTimeout(this.#joins);
  }

  #joinSoon(): Timer {
    return setTimeout(() => this.#join(), REFUSAL_MS);
  }

  #join(): void {
    clearTimeout(this.#joins);
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
    this.#joins = this.#joinSoon();
  }
}

/** Whether that is more than what a client receives that is not a member. */
function isFromRoom(seen: string): boolean {
  const [, ...whole] = seen.replace(ASKS_FOR_NAME, "\n").split("\n").slice(0, -1);
  return LINE_OF_MEMBER.test(seen) || whole.some((line) => disconnectOf(line) === undefined);
}
