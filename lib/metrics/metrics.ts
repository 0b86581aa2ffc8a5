/** `--metrics`: figures for Prometheus, and whether the server takes clients, on a port of their own. */

import manifest from "../../package.json" with { type: "json" };
import type { ConnectionsView, Context, Part } from "../extras/part.ts";
import { countLines } from "../extras/wrapped-lines.ts";
import { answer, basics, type HttpPort, openHttpPort } from "../http/http-port.ts";
import { fileLimit, type Port } from "../program/resources.ts";
import { DEFAULTS } from "../room/room.ts";

const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";
const RELEASE = `{version="${manifest.version}",bun="${Bun.version}"}`;

/** Why clients leave or are refused: how what the log says of it begins. All else is `other`. */
const SPEAKING = ["speaks HTTP", "speaks PROXY", "speaks SSH", "speaks TLS"];
const LOST = ["vanished", "reset", "cut off", "damaged TLS"];
const EITHER = [...LOST, "the name", ...SPEAKING, "server stopping", "other"];
const LEAVING = ["end of input", "too slow", "line too long", "idle", "out of sync", ...EITHER];
const REFUSING = [
  ...["room is full", "not allowed", "too many connections", "too many wrong pass phrases"],
  ...["no pass phrase", "wrong pass phrase"],
  ...["gone before the handshake", "no handshake", "the handshake failed"],
  ...["no name", "a name is", "certificate", ...EITHER],
];

export interface MetricsSettings {
  /** Where they are found. Any client that reaches the port may ask: figures name nobody. */
  readonly metrics?: Port | undefined;
  readonly logBytes?: number | undefined;
}

/** Answers `GET /metrics` and `GET /health`. */
export function metrics(
  place: Port,
  { logBytes = DEFAULTS.logBytes }: MetricsSettings,
  { parts, onError, onWarning }: Pick<Context, "parts" | "onError" | "onWarning">,
): Part {
  const counts = { joined: 0, lines: 0, bytes: 0, left: zeros(LEAVING), refused: zeros(REFUSING) };
  let port: HttpPort | undefined;

  return {
    extra: () => ({
      joined: () => void counts.joined++,
      sent(_, run) {
        counts.lines += countLines(run);
        counts.bytes += run.length;
      },
      gone: (_, reason) => count(counts.left, reason),
      refused: (_, reason) => count(counts.refused, reason),
    }),
    async open(connections) {
      const figures = () => {
        const own = roomFigures(connections, logBytes, counts);
        const all = [...own, ...parts.flatMap((part) => part.figures?.() ?? [])];
        return answer(all.map(textOf).join(""), 200, TEXT_FORMAT);
      };
      const health = () => {
        const [ailment] = parts.flatMap((part) => part.ailment?.() ?? []);
        const why = connections.room.isStopping ? "stopping" : ailment;
        return why === undefined ? answer("ok\n") : answer(`${why}\n`, 503);
      };
      const routes = { "/metrics": { GET: figures }, "/health": { GET: health } };
      const options = { ...basics("/metrics or /health\n", onError), routes };
      const serve = (at: { hostname: string; port: number }) => Bun.serve({ ...at, ...options });
      const listen = await openHttpPort(place, serve, onWarning);
      return () => {
        port = listen();
        return { metrics: `http://${port.address}/metrics` };
      };
    },
    async close() {
      port?.close();
    },
  };
}

/** How often each of several things has happened, or how many there are of each. */
type Counts = Record<string, number>;

const zeros = (reasons: readonly string[]): Counts =>
  Object.fromEntries(reasons.map((reason) => [reason, 0]));

function count(counts: Counts, why: string): void {
  const reason = Object.keys(counts).find((beginning) => why.startsWith(beginning)) ?? "other";
  counts[reason] = (counts[reason] ?? 0) + 1;
}

/** A number, or several that differ in their labels. */
type Samples = number | readonly (readonly [labels: string, value: number])[];
type Metric = readonly [name: string, help: string, value: Samples];

/** Figures of the room and of the process: names, help and units by the advice of Prometheus. */
function roomFigures(
  { room, ways, arrivals, clientsMax }: ConnectionsView,
  logBytes: number,
  counts: { joined: number; lines: number; bytes: number; left: Counts; refused: Counts },
): readonly Metric[] {
  const { log, pending, lingering, counters } = room;
  const states = { guest: arrivals.size, member: room.size, leaver: pending.size + lingering.size };
  const kinds = Object.fromEntries(ways.map(({ kind, open }) => [kind, open]));
  const { filesMax, filesOpen } = fileLimit();
  const { user, system } = process.cpuUsage();
  return [
    ["linechat_build_info", "Which program this is.", [[RELEASE, 1]]],
    ["linechat_clients", "Clients by what they are to the room.", by("state", states)],
    ["linechat_connections", "Open connections.", by("kind", kinds)],
    ["linechat_clients_max", "Clients accepted at a time.", clientsMax],
    ["linechat_joined_total", "Clients that have joined.", counts.joined],
    ["linechat_left_total", "Members that have left, by reason.", by("reason", counts.left)],
    ["linechat_refused_total", "Clients refused, by reason.", by("reason", counts.refused)],
    ["linechat_lines_said_total", "Lines that members have sent.", counts.lines],
    ["linechat_said_bytes_total", "Bytes of those lines.", counts.bytes],
    ["linechat_delivered_bytes_total", "Bytes taken by members.", counters.deliveredBytes],
    ["linechat_log_owed_bytes", "Pending for the reader furthest behind.", log.head - log.tail],
    ["linechat_log_size_bytes", "How far a reader may lag.", logBytes],
    ["linechat_held_up_seconds_total", "Senders waited for readers.", counters.heldUpMs / 1000],
    ["process_open_fds", "Files open.", filesOpen],
    ["process_max_fds", "Files that may be open.", filesMax],
    ["process_resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()],
    ["process_start_time_seconds", "Start of the process.", performance.timeOrigin / 1000],
    ["process_cpu_seconds_total", "Time of user and system.", (user + system) / 1e6],
  ];
}

const by = (label: string, counts: Counts): Samples =>
  Object.entries(counts).map(([name, value]) => [`{${label}="${name}"}`, value]);

/** A figure in the text format of Prometheus, 0.0.4. */
function textOf([name, help, value]: Metric): string {
  const samples = typeof value === "number" ? ([["", value]] as const) : value;
  const type = name.endsWith("_total") ? "counter" : "gauge";
  const lines = samples.map(([labels, each]) => `${name}${labels} ${each}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}
