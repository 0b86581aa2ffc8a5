/**
 * The connection to the stream, as long as it lasts, and then another one:
 *
 * | it is   | its connection                 | next                 |
 * | ------- | ------------------------------ | -------------------- |
 * | away    | none                           | joining, after a while |
 * | joining | opens; the server joins, or goes on where it was | here, or away |
 * | here    | says and reads                 | away                 |
 */

import { Absence } from "./absence.ts";
import { Answers } from "./answers.ts";
import type { Claim } from "./claims.ts";
import type { Entry, OpenStream, Saying, StreamEvents, StreamLink } from "./stream.ts";

/** What it tells, and the clock it asks, in ms. */
type SessionEvents = StreamEvents & { now(): number };

export class Session {
  readonly answers = new Answers();
  /** What this server is called; it joins under a new name each time. */
  name = "";
  /** Whether it has the thread, and goes on where it was; whether that is possible, what it says first shows. */
  isMember = false;
  readonly #open: OpenStream;
  readonly #newName: () => string;
  readonly #events: SessionEvents;
  readonly #absence = new Absence();
  #state: "away" | "joining" | "here" = "away";
  #link: StreamLink | undefined;
  /** The servers that are to be forgotten, since it has joined: whether that was done, nothing tells. */
  readonly #dropped = new Set<string>();

  /**
   * @param newName gives a name that no server has had
   * @param events told what the connection tells, answers being noted before; `onOpen` only to go on
   */
  constructor(open: OpenStream, newName: () => string, events: SessionEvents) {
    this.#open = open;
    this.#newName = newName;
    this.#events = events;
  }

  get isHere(): boolean {
    return this.#state === "here";
  }

  /** Whether it is here, and has shown that it can go on. */
  get isUp(): boolean {
    return this.isHere && !this.#absence.lasts;
  }

  /** When it is to be tried again, while it is away. */
  get retryAtMs(): number | undefined {
    return this.#state === "away" ? this.#absence.retryAtMs : undefined;
  }

  /** Gives up what is late, and connects when it is time. */
  flush(now: number): void {
    this.answers.passTo(now);
    if (this.answers.areLate) this.#events.onLost(new Error("no answer for 5 s"));
    if (this.#state === "away" && now >= this.#absence.retryAtMs) this.#connect();
  }

  /** From now on it says and reads. */
  goHere(): void {
    this.answers.answeredJoining();
    this.#state = "here";
    for (const server of this.#dropped) this.#link?.drop(server);
  }

  say(saying: Saying): void {
    this.answers.said(saying.number);
    this.#link?.say(saying);
  }

  /** Unless it is here, that is for the next connection. */
  claim(claim: Claim): void {
    if (this.isHere) this.#link?.claim(claim, this.name);
  }

  drop(server: string): void {
    this.#dropped.add(server);
    this.#link?.drop(server);
  }

  read(after: string): void {
    this.answers.reads();
    this.#link?.read(after);
  }

  /** It was lost, again or still; returns whether it was there before. */
  lose(now: number): boolean {
    this.close();
    return this.#absence.begin(now);
  }

  /** It is of no use, and another one is to follow soon. */
  renew(now: number): void {
    this.close();
    this.#absence.retry(now);
  }

  /** It is back for sure; returns after how long, in ms, if it was away. */
  confirm(now: number): number | undefined {
    return this.#absence.end(now);
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#state = "away";
    this.answers.clear();
  }

  #connect(): void {
    this.#state = "joining";
    this.answers.joins();
    this.#link = this.#open({
      ...this.#events,
      onOpen: () => (this.isMember ? this.#events.onOpen() : this.#join()),
      onEntries: (entries: readonly Entry[]) => {
        this.answers.passTo(this.#events.now());
        this.answers.answeredRead();
        this.#events.onEntries(entries);
      },
    });
  }

  #join(): void {
    const before = this.name;
    this.#dropped.clear();
    this.name = this.#newName();
    this.#link?.join(this.name, before);
  }
}
