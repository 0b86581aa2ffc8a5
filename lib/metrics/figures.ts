/** What is measured, as Prometheus reads it: names, help and units by its advice. */

import { existsSync, readFileSync } from "node:fs";

import { version } from "../../package.json";
import type { ConnectionsView, Figure } from "../extras/part.ts";
import { fileLimit } from "../program/file-limit.ts";
import { countLines } from "../program/lines.ts";
import type { Extra } from "../room/extra.ts";
import type { Member } from "../room/member.ts";

const RELEASE = `{version="${version}",bun="${Bun.version}"}`;

type Samples = readonly (readonly [labels: string, value: number])[];
type Metric = Omit<Figure, "value"> & { readonly value: number | Samples };
type Row = readonly [name: string, help: string, value: number | Samples | undefined];

/** Figures of the room and of the process, in the text format of Prometheus, 0.0.4. */
export function roomFigures(
  { room, ways, arrivals, clientsMax }: ConnectionsView,
  logBytes: number,
  { joinedTotal, linesTotal, leaving, refusing }: Counters,
): string {
  const { log, pending, lingering, counters } = room;
  const leaver = pending.size + lingering.size;
  const states = { guest: arrivals.size, member: room.size, leaver };
  const kinds = Object.fromEntries(ways.map(({ kind, open }) => [kind, open]));
  const { filesMax, filesOpen } = fileLimit();
  const { user, system } = process.cpuUsage();
  const gauges: readonly Row[] = [
    ["linechat_build_info", "Which program this is.", [[RELEASE, 1]]],
    ["linechat_clients", "Clients by what they are to the room.", labelled("state", states)],
    ["linechat_connections", "Open connections.", labelled("kind", kinds)],
    ["linechat_clients_max", "Clients accepted at a time.", clientsMax],
    ["linechat_log_owed_bytes", "Pending for the reader furthest behind.", log.head - log.tail],
    ["linechat_log_size_bytes", "How far a reader may lag.", logBytes],
    ["process_open_fds", "Files open.", filesOpen],
    ["process_max_fds", "Files that may be open.", filesMax],
    ["process_resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()],
    ["process_virtual_memory_bytes", "Memory reserved.", virtualMemoryBytes()],
    ["process_start_time_seconds", "Start of the process.", performance.timeOrigin / 1000],
  ];
  const counted: readonly Row[] = [
    ["linechat_joined_total", "Clients that have joined.", joinedTotal],
    ["linechat_left_total", "Members that have left, by reason.", leaving.samples],
    ["linechat_refused_total", "Clients that were refused, by reason.", refusing.samples],
    ["linechat_lines_said_total", "Lines that members have sent.", linesTotal],
    ["linechat_said_bytes_total", "Bytes sent, in lines.", log.head],
    ["linechat_delivered_bytes_total", "Bytes taken by members.", counters.deliveredBytes],
    ["linechat_held_up_seconds_total", "Senders waited for readers.", counters.heldUpMs / 1000],
    ["process_cpu_seconds_total", "Time of user and system.", (user + system) / 1e6],
  ];
  const text =
    (type: Figure["type"]) =>
    ([name, help, value]: Row) =>
      value === undefined ? "" : textOf({ type, name, help, value });
  return [...gauges.map(text("gauge")), ...counted.map(text("counter"))].join("");
}

/** A figure, or several that differ in their labels. */
export function textOf({ type, name, help, value }: Metric): string {
  const samples: Samples = typeof value === "number" ? [["", value]] : value;
  const lines = samples.map(([labels, each]) => `${name}${labels} ${each}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelled(label: string, values: Readonly<Record<string, number>>): Samples {
  return Object.entries(values).map(([name, value]) => [`{${label}="${name}"}`, value]);
}

/** See proc(5); undefined where there is no such file. */
function virtualMemoryBytes(): number | undefined {
  if (!existsSync("/proc/self/status")) return undefined;
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^VmSize:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Counts members that join and leave, clients that are refused, and lines. */
export class Counters implements Extra {
  joinedTotal = 0;
  linesTotal = 0;
  readonly leaving = new Reasons(LEAVING);
  readonly refusing = new Reasons(REFUSING);

  joined(): void {
    this.joinedTotal++;
  }

  sent(_: Member, run: Uint8Array): void {
    this.linesTotal += countLines(run);
  }

  gone(_: Member, reason: string): void {
    this.leaving.count(reason);
  }

  refused(_: string, message: string): void {
    this.refusing.count(message);
  }
}

type Label = readonly [name: string, pattern: RegExp];
const EITHER: readonly Label[] = [
  ["reset", /^reset$/],
  ["name", /^(no name within|a name is|the name|the certificate) /],
  ["speaks TLS", /^speaks TLS/],
  ["server stopping", /^server stopping$/],
];
const LEAVING: readonly Label[] = [
  ["end of input", /^end of input$/],
  ["too slow", /^too slow$/],
  ["line too long", /^line too long$/],
  ["idle", /^idle$/],
  ["out of sync", /^out of sync$/],
  ...EITHER,
];
const REFUSING: readonly Label[] = [
  ["room is full", /^room is full$/],
  ["address not allowed", /^not allowed from /],
  ["too many from address", /^too many connections from /],
  ["wrong pass phrase", /^wrong pass phrase$/],
  ["no pass phrase", /^no pass phrase within /],
  ["handshake", /handshake/],
  ...EITHER,
];

/** Counts events by reason, of which there are only so many; all else is `other`. */
class Reasons {
  readonly #labels: readonly Label[];
  readonly #counts: Record<string, number>;

  constructor(labels: readonly Label[]) {
    this.#labels = labels;
    this.#counts = Object.fromEntries([...labels, ["other"]].map(([name]) => [name, 0]));
  }

  count(reason: string): void {
    const [name = "other"] = this.#labels.find(([, pattern]) => pattern.test(reason)) ?? [];
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get samples(): Samples {
    return labelled("reason", this.#counts);
  }
}
