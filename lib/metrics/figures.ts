/** What a room does, in figures, as Prometheus reads them: names, help and units by its advice. */

import { version } from "../../package.json";
import type { ConnectionsView } from "../extras/part.ts";
import type { Counters } from "./counters.ts";
import { labelled, type Metric } from "./text-format.ts";

const RELEASE = `{version="${version}",bun="${Bun.version}"}`;

/** Figures of the moment, and what was counted. */
export function roomFigures(
  { room, ways, arriving, clientsMax }: ConnectionsView,
  logBytes: number,
  { joinedTotal, linesTotal, leaving, refusing }: Counters,
): readonly Metric[] {
  const { log, pending, lingering, counters } = room;
  const states = {
    guest: arriving,
    member: room.size,
    leaver: pending.size + lingering.size,
  };
  const kinds = Object.fromEntries(ways.map(({ kind, open }) => [kind, open]));
  const gauges: readonly Described[] = [
    ["build_info", "Which program this is.", [[RELEASE, 1]]],
    ["clients", "Clients by what they are to the room.", labelled("state", states)],
    ["connections", "Open connections.", labelled("kind", kinds)],
    ["clients_max", "Clients accepted at a time.", clientsMax],
    ["log_owed_bytes", "What is in the log for the reader furthest behind.", log.head - log.tail],
    ["log_size_bytes", "How far a reader may lag.", logBytes],
  ];
  const counted: readonly Described[] = [
    ["joined_total", "Clients that have joined.", joinedTotal],
    ["left_total", "Members that have left, or were disconnected, by reason.", leaving.samples],
    ["refused_total", "Clients that were refused, by reason.", refusing.samples],
    ["lines_said_total", "Lines that members have sent.", linesTotal],
    ["said_bytes_total", "Bytes sent, in lines.", log.head],
    [
      "delivered_bytes_total",
      "Bytes that sockets have taken for members.",
      counters.deliveredBytes,
    ],
    [
      "held_up_seconds_total",
      "Time in which senders waited for readers.",
      counters.heldUpMs / 1000,
    ],
  ];
  return [...gauges.map(metric("gauge")), ...counted.map(metric("counter"))];
}

type Described = readonly [name: string, help: string, value: Metric["value"]];

const metric =
  (type: Metric["type"]) =>
  ([name, help, value]: Described): Metric => ({ type, name: `linechat_${name}`, help, value });
