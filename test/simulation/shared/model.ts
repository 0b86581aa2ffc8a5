/**
 * What one of several servers has to do with what it reads: its log takes all lines in their order,
 * its members get them, and those are told that it is out of sync if it is, and only then.
 */

import { HISTORY_END } from "../../../lib/program/server-messages.ts";
import type { Session } from "../../../lib/redis/session.ts";
import { compareIds, type States } from "../../../lib/redis/stream.ts";
import type { Author } from "../../../lib/room/order.ts";
import { Violation } from "../seat.ts";
import type { Surroundings } from "./rules.ts";
import { isNotice, linesOf, type SharedSeat } from "./seat.ts";
import { bytesOf, type Placed, type SimulatedLink, type Watcher } from "./stream.ts";

/** A server of which nothing waits for longer reaches the stream. */
const STUCK_MS = 1_000;

/** What the model sees of a server. */
export interface ServerView {
  readonly label: string;
  readonly session: Session;
  readonly seats: readonly SharedSeat[];
  readonly link: SimulatedLink | undefined;
  readonly isAwake: boolean;
}

export class ServerModel implements Watcher {
  /** All clients that it ever had, and how many lines it has counted as lost. */
  readonly clients: SharedSeat[] = [];
  #linesLost = 0;
  /** By which name it has joined, and where first. */
  #name = "";
  #first: Placed | undefined;
  /** Where it has joined, until it has read that; and how often the stream had forgotten by then. */
  #joining: Placed | undefined;
  #forgottenThen = 0;
  #forgotten = 0;
  /** Whether it has read that it joined, its log has all that was before, and it is not out of sync. */
  #isInRoom = false;
  /** The entry it has read last; what its log has not taken of what it has read, and what it has. */
  #read: Placed | undefined;
  #unlogged = "";
  #logged: string[] = [];
  /** The servers that there are, as it knows, and since when it has known that. */
  #peers = new Map<string, number>();
  /** When it did not reach the stream. */
  stuckAtMs = 0;

  constructor(
    readonly world: Surroundings,
    readonly server: ServerView,
  ) {}

  #violation(what: string): Violation {
    return new Violation(`${this.server.label} ${what}`);
  }

  // What it reads.

  joined(by: string, entry: Placed, forgotten: number): void {
    this.#joining = entry;
    this.#forgottenThen = forgotten;
    if (by === this.#name) return;
    if (this.server.seats.some(({ isMember }) => isMember))
      throw this.#violation(`is ${by} now, and has members`);
    this.#name = by;
    this.#first = entry;
    this.#read = this.world.rules.kept.historyBytes > 0 ? undefined : entry.before;
    this.#isInRoom = false;
    [this.#unlogged, this.#logged] = ["", []];
  }

  delivered(entries: readonly Placed[]): void {
    for (const entry of entries) {
      // Something is missing: it has to notice, as it must not go on.
      if (this.#read && entry.before !== this.#read) return;
      this.#read = entry;
      this.#unlogged += entry.lines;
      if (entry !== this.#joining) continue;
      this.#joining = undefined;
      this.#forgotten = this.#forgottenThen;
      if (this.#isInRoom) this.world.saw("went on");
    }
    this.#mayEnter();
  }

  #mayEnter(): void {
    this.#isInRoom ||= this.#joining === undefined && this.#unlogged === "";
  }

  /** Its log takes lines, which are the next of what it has read. */
  takes(author: Author, lines: string): void {
    if (isNotice(lines) !== (author.isPassing ?? false))
      throw this.#violation(`has ${lines} as of the wrong kind`);
    if (!this.#unlogged.startsWith(lines))
      throw this.#violation(`takes ${JSON.stringify(lines)}, which does not follow`);
    this.#unlogged = this.#unlogged.slice(lines.length);
    const all = linesOf(lines);
    this.#logged.push(...all);
    this.world.saw("lines", all.length);
    for (const seat of this.server.seats) seat.logged(all);
    this.#mayEnter();
  }

  /** It is told which servers there are. */
  looks(servers: States): void {
    const since = (name: string) => this.#peers.get(name) ?? this.world.now;
    this.#peers = new Map(Array.from(servers.keys(), (name) => [name, since(name)]));
  }

  dropped(name: string): void {
    this.world.trace?.(`${this.server.label} has ${name} considered down`);
    this.world.dropped(name);
  }

  // What it does with its clients.

  /** Of one without a name, it is known at once whether it may join. */
  accepted(seat: SharedSeat): void {
    this.clients.push(seat);
    if (seat.title === "" && this.#isInRoom !== seat.isHere)
      throw this.#violation(`accepts ${seat.name} wrongly`);
  }

  entered(seat: SharedSeat): void {
    if (!this.#isInRoom) throw this.#violation(`has ${seat.name} join, who would miss something`);
    seat.isNamed = true;
    if (this.world.rules.kept.historyBytes === 0) return;
    const history = this.#history();
    if (history !== "") this.world.saw("histories");
    seat.expected = history + HISTORY_END;
  }

  /** The last lines of members, which a newcomer gets first. */
  #history(): string {
    const { kept, historyLines, noticesBytes } = this.world.rules;
    const lines: string[] = [];
    let [bytes, keptBytes] = [0, 0];
    for (const line of this.#logged.toReversed()) {
      keptBytes += line.length;
      if (isNotice(line)) continue;
      bytes += line.length;
      const isMuch = bytes > kept.historyBytes || keptBytes > kept.historyBytes + noticesBytes;
      if (isMuch || lines.length === historyLines) break;
      lines.unshift(line);
    }
    return lines.join("");
  }

  /** What it tells an operator. */
  reports(what: string): void {
    this.world.trace?.(`${this.server.label} reports: ${what}`);
    const [sighting] = /redis is back|is considered down|out of sync/.exec(what) ?? [];
    if (sighting) this.world.saw(sighting);
    const lines = Number(/^lines lost, .*: (\d+)$/.exec(what)?.[1] ?? 0);
    this.world.saw("lines lost", lines);
    this.#linesLost += lines;
    if (what.startsWith("out of sync")) this.#outOfSync(what.endsWith("names are taken"));
  }

  #outOfSync(areNamesTaken: boolean): void {
    const { stream } = this.world;
    // What is forgotten in time is not forgotten too early: the stream looks after that.
    const isNext = ({ before }: Placed) => before === this.#read;
    const isTooLate = stream.placed.some(
      (one) => isNext(one) && !stream.memory.entries.includes(one),
    );
    if (this.#isInRoom && !this.#hasForgotten && !isTooLate && !areNamesTaken)
      throw this.#violation("is out of sync for no reason");
    this.#isInRoom = false;
    for (const seat of this.server.seats) if (seat.isMember) seat.isOutOfSync = true;
  }

  /** Whether the stream has forgotten something since this server was here. */
  get #hasForgotten(): boolean {
    return this.world.stream.forgotten > this.#forgotten;
  }

  // What has to hold.

  check(): void {
    const { rules, stream } = this.world;
    const { session, link } = this.server;
    const { name } = session.order;
    const inFlight = link?.inFlight ?? 0;
    if (inFlight > 2) throw this.#violation(`has ${inFlight} batches on their way`);
    const { servers, entries } = stream.memory;
    if (!servers.has(name)) return;
    const unread = entries.filter(({ by, id, atMs }) => {
      const isUnread = ([peer, sinceMs]: [string, number]) =>
        sinceMs < atMs && compareIds(id, stream.readAtMost(peer)) > 0;
      return by === name && [...this.#peers].some(isUnread);
    });
    const bytes = unread.reduce((sum, { lines }) => sum + lines.length, 0);
    if (bytes > rules.takenBytesMax) throw this.#violation(`sends ${bytes} bytes ahead`);
  }

  /** Time has passed: does it reach the stream? */
  passed(): void {
    const { stream, now } = this.world;
    const { session, link, isAwake } = this.server;
    const isUp = link?.isInUse && stream.memory.servers.has(session.order.name);
    const isStuck = stream.standsStill || stream.isFull || !isAwake;
    if (!isUp || isStuck || now - link.waitsSinceMs > STUCK_MS) this.stuckAtMs = now;
  }

  /** No more lines than it has counted as lost have no place. */
  checkLines(): void {
    const placed = new Set(this.world.stream.placed.flatMap(({ lines }) => linesOf(lines)));
    // One that is never called by its name sends nothing.
    const sent = this.clients.filter(({ title, isNamed }) => title === "" || isNamed);
    const missing = sent.flatMap(({ lines }) => lines).filter((line) => !placed.has(line));
    if (missing.length > this.#linesLost)
      throw this.#violation(`lost ${missing.length} lines, ${missing[0]}`);
  }

  /** Nothing more will come to it. */
  checkRest(): void {
    const { last } = this.world.stream.memory;
    if (this.#read !== last || this.#unlogged !== "")
      throw this.#violation("does not notice what it has missed");
    for (const seat of this.server.seats) seat.checkRest();
    this.world.saw("deliveries", this.#logged.length);
    this.#checkTrimmed();
  }

  /** What all have and what is far back is not in the stream any more. */
  #checkTrimmed(): void {
    const { rules, stream } = this.world;
    const since = stream.placed.slice(stream.placed.indexOf(this.#first ?? stream.placed[0]!));
    const keptBytes = Math.max(rules.kept.bytes, 4 * rules.kept.historyBytes);
    if (stream.forgotten > 0 || bytesOf(since) < 3 * keptBytes) return;
    const slackBytes = 8 * (rules.takenBytesMax + 4 * rules.saidBytesMax);
    const bytes = bytesOf(stream.memory.entries);
    if (bytes > keptBytes + slackBytes) throw this.#violation(`has ${bytes} bytes kept`);
  }

  /** It takes its leave; returns what to call once that is over: then it has left, if it can. */
  leaves(): () => void {
    this.checkLines();
    const { session, link } = this.server;
    const { name, isHere } = session.order;
    const wasHere = isHere && link?.isInUse;
    return () => {
      const hasLeft = this.world.stream.placed.some(({ by, isLast }) => by === name && isLast);
      if (hasLeft) this.world.saw("leaves");
      const isOut = this.#hasForgotten || !this.#isInRoom || !link || link.isClosed;
      if (!hasLeft && wasHere && !isOut) throw this.#violation(`, as ${name}, has not left`);
    };
  }
}
