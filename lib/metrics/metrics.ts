/** `--metrics`: figures for Prometheus, and whether the server takes clients, on a port of their own. */

import manifest from "../../package.json" with { type: "json" };
import type { Context, Figure, Part } from "../extras/part.ts";
import { countLines } from "../extras/wrapped-lines.ts";
import { answer, basics, type HttpPort, openHttpPort } from "../http/http-port.ts";
import { fileLimit, type Port } from "../program/resources.ts";
import { DEFAULTS } from "../room/room.ts";

const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";
const RELEASE = `{version="${manifest.version}",bun="${Bun.version}"}`;

/** Why clients leave or are refused: how what the log says of it begins. All else is `other`. */
const EITHER = [
  ...["vanished", "reset", "cut off", "damaged TLS", "the name", "server stopping", "other"],
  ...["speaks HTTP", "speaks PROXY", "speaks SSH", "speaks TLS"],
];
const LEAVING = ["end of input", "too slow", "line too long", "idle", "out of sync", ...EITHER];
const REFUSING = [
  ...["room is full", "not allowed", "too many connections", "too many wrong pass phrases"],
  ...["no pass phrase", "wrong pass phrase", "no name", "a name is", "certificate"],
  ...["gone before the handshake", "no handshake", "the handshake failed", ...EITHER],
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
  let [joined, lines, bytes] = [0, 0, 0];
  const left = new Map(LEAVING.map((reason) => [reason, 0]));
  const refused = new Map(REFUSING.map((reason) => [reason, 0]));
  let port: HttpPort | undefined;

  return {
    extra: () => ({
      joined: () => void joined++,
      sent(_, run) {
        lines += countLines(run);
        bytes += run.length;
      },
      gone: (_, reason) => count(left, reason),
      refused: (_, reason) => count(refused, reason),
    }),
    async open({ room, ways, arrivals, clientsMax }) {
      const { log, pending, lingering, counters } = room;
      /** Names, help and units by the advice of Prometheus. */
      const own = (): readonly Figure[] => {
        const leavers = pending.size + lingering.size;
        const states = { guest: arrivals.size, member: room.size, leaver: leavers };
        const kinds = ways.map(({ kind, open }) => [kind, open] as const);
        return [
          ["linechat_build_info", "Which program this is.", [[RELEASE, 1]]],
          ["linechat_clients", "Clients by state.", by("state", Object.entries(states))],
          ["linechat_connections", "Open connections.", by("kind", kinds)],
          ["linechat_clients_max", "Clients accepted at a time.", clientsMax],
          ["linechat_joined_total", "Clients that have joined.", joined],
          ["linechat_left_total", "Members that have left, by reason.", by("reason", left)],
          ["linechat_refused_total", "Clients refused, by reason.", by("reason", refused)],
          ["linechat_sent_lines_total", "Lines that members have sent.", lines],
          ["linechat_sent_bytes_total", "Bytes of those lines.", bytes],
          ["linechat_delivered_bytes_total", "Bytes taken by members.", counters.deliveredBytes],
          ["linechat_log_pending_bytes", "Pending for the slowest reader.", log.head - log.tail],
          ["linechat_log_size_bytes", "How far a reader may lag.", logBytes],
          ["linechat_held_up_seconds_total", "Senders waited.", counters.heldUpMs / 1000],
          ...processFigures(),
        ];
      };
      const all = () => {
        const figures = [...own(), ...parts.flatMap((part) => part.figures?.() ?? [])];
        return answer(figures.map(textOf).join(""), 200, TEXT_FORMAT);
      };
      const health = () => {
        const [ailment] = parts.flatMap((part) => part.ailment?.() ?? []);
        const why = room.isStopping ? "stopping" : ailment;
        return why === undefined ? answer("ok\n") : answer(`${why}\n`, 503);
      };
      const routes = { "/metrics": { GET: all }, "/health": { GET: health } };
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

function count(counts: Map<string, number>, why: string): void {
  const reason = counts.keys().find((beginning) => why.startsWith(beginning)) ?? "other";
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function processFigures(): readonly Figure[] {
  const { filesMax, filesOpen } = fileLimit();
  const { user, system } = process.cpuUsage();
  return [
    ["process_open_fds", "Files open.", filesOpen],
    ["process_max_fds", "Files that may be open.", filesMax],
    ["process_resident_memory_bytes", "Memory in use.", process.memoryUsage.rss()],
    ["process_start_time_seconds", "Start of the process.", performance.timeOrigin / 1000],
    ["process_cpu_seconds_total", "Time of user and system.", (user + system) / 1e6],
  ];
}

/** Values that differ in one label. */
const by = (label: string, values: Iterable<readonly [string, number]>) =>
  Array.from(values, ([name, value]) => [`{${label}="${name}"}`, value] as const);

/** A figure in the text format of Prometheus, 0.0.4. */
function textOf([name, help, value]: Figure): string {
  const values = typeof value === "number" ? ([["", value]] as const) : value;
  const type = name.endsWith("_total") ? "counter" : "gauge";
  const lines = values.map(([labels, each]) => `${name}${labels} ${each}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}
