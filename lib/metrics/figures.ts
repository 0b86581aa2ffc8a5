/** What the room does, in figures, as Prometheus reads them: names, help and units by its advice. */

import { version } from "../../package.json";
import type { RoomEvents } from "../room/options.ts";
import type { OrderState } from "../room/order.ts";
import type { Counts } from "./connection-options.ts";
import { processFigures } from "./process-figures.ts";
import { figure, labelled, type Sample } from "./text-format.ts";

/** Why members leave, as reports begin with it; all else is `other`. */
const LEAVING: readonly Label[] = [
  ["end of input", /^end of input$/],
  ["reset", /^reset$/],
  ["too slow", /^too slow$/],
  ["line too long", /^line too long$/],
  ["idle", /^idle$/],
  ["name", /^(a name is|the name|the certificate) /],
  ["speaks TLS", /^speaks TLS/],
  ["lost the thread", /^lost the thread$/],
  ["server stopping", /^server stopping$/],
];
/** Why others never are one. */
const REFUSING: readonly Label[] = [
  ["room is full", /^room is full$/],
  ["address not allowed", /^not allowed from /],
  ["too many from address", /^too many connections from /],
  ["wrong pass phrase", /^wrong pass phrase$/],
  ["no pass phrase", /^no pass phrase within /],
  ["handshake", /handshake/],
  ["speaks TLS", /^speaks TLS/],
  ["name", /^(a name is|the name|the certificate) /],
  ["reset", /^reset$/],
  ["server stopping", /^server stopping$/],
];
type Label = readonly [name: string, pattern: RegExp];

/** Counts what the room reports; all else is looked up when somebody asks. */
export class Figures {
  readonly #left = new Reasons(LEAVING);
  readonly #refused = new Reasons(REFUSING);
  #joined = 0;

  /** The reports of a room, counted on their way. */
  counting<Events extends RoomEvents>(events: Events): Events {
    return {
      ...events,
      onJoin: (name) => {
        this.#joined++;
        events.onJoin?.(name);
      },
      onLeave: (name, reason, behindBytes) => {
        this.#left.count(reason);
        events.onLeave?.(name, reason, behindBytes);
      },
      onRefuse: (name, why) => {
        this.#refused.count(why);
        events.onRefuse?.(name, why);
      },
    };
  }

  /** All figures, in the text format 0.0.4; what is in `counts`, and what was counted here. */
  text({ states, kinds, clientsMax, tally, log, stream }: Counts): string {
    const byState = labelled("state", states);
    return [
      figure("gauge", "linechat_build_info", "Which program this is.", [
        [`{version="${version}",bun="${Bun.version}"}`, 1],
      ]),
      figure("gauge", "linechat_clients", "Clients by what they are to the room.", byState),
      figure("gauge", "linechat_connections", "Open connections.", labelled("kind", kinds)),
      figure("gauge", "linechat_clients_max", "Clients accepted at a time.", clientsMax),
      figure("counter", "linechat_joined_total", "Clients that have joined.", this.#joined),
      figure(
        "counter",
        "linechat_left_total",
        "Members that have left, or were disconnected, by reason.",
        this.#left.samples,
      ),
      figure(
        "counter",
        "linechat_refused_total",
        "Clients that were refused, by reason.",
        this.#refused.samples,
      ),
      figure("counter", "linechat_lines_said_total", "Lines said.", tally.lines),
      figure("counter", "linechat_said_bytes_total", "Bytes said, in lines.", log.saidBytes),
      figure(
        "counter",
        "linechat_delivered_bytes_total",
        "Bytes that the system, or a WebSocket, has taken for members.",
        tally.deliveredBytes,
      ),
      figure(
        "counter",
        "linechat_held_up_seconds_total",
        "Time in which talkers have waited for readers.",
        tally.heldUpMs / 1000,
      ),
      figure(
        "gauge",
        "linechat_log_owed_bytes",
        "What is in the log for the reader furthest behind.",
        log.owedBytes,
      ),
      figure("gauge", "linechat_log_size_bytes", "How far a reader may lag.", log.sizeBytes),
      ...(stream ? streamFigures(stream) : []),
      processFigures(),
    ].join("");
  }
}

/** Those of the order that several servers share. */
function streamFigures({ isUp, servers, lagMs, owedBytes }: OrderState): string[] {
  return [
    figure("gauge", "linechat_stream_up", "Whether Redis is there, 1, or away, 0.", isUp ? 1 : 0),
    figure("gauge", "linechat_stream_servers", "Servers that share the room.", servers),
    figure(
      "gauge",
      "linechat_stream_lag_seconds",
      "How long the oldest line said here has waited to be heard back.",
      lagMs / 1000,
    ),
    figure(
      "gauge",
      "linechat_stream_owed_bytes",
      "What is said here and not with all servers yet.",
      owedBytes,
    ),
  ];
}

/** Counts of events by reason, of which there are only so many. */
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

  get samples(): readonly Sample[] {
    return labelled("reason", this.#counts);
  }
}
