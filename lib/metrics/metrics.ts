/** `--metrics`: figures for Prometheus, and whether the server takes clients, on a port of their own. */

import type { ConnectionsView, Context, Part } from "../extras/part.ts";
import { answer, basics, type HttpPort, openHttpPort } from "../http/http-port.ts";
import type { Port } from "../program/network.ts";
import { DEFAULTS } from "../room/room.ts";
import { Counters, roomFigures, textOf } from "./figures.ts";

const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

export interface MetricsSettings {
  /** Where they are found. Any client that reaches the port may ask: figures name nobody. */
  readonly metrics?: Port | undefined;
  readonly logBytes?: number | undefined;
}

/** Answers `GET /metrics` and `GET /health`. */
export function metrics(
  place: Port,
  { logBytes = DEFAULTS.logBytes }: MetricsSettings,
  { parts, onError }: Pick<Context, "parts" | "onError">,
): Part {
  const counters = new Counters();
  let port: HttpPort | undefined;

  const figures = (connections: ConnectionsView): Response => {
    const others = parts.flatMap((part) => part.figures?.() ?? []).map(textOf);
    const text = roomFigures(connections, logBytes, counters) + others.join("");
    return answer(text, 200, TEXT_FORMAT);
  };
  const health = ({ room }: ConnectionsView): Response => {
    const [ailment] = parts.flatMap((part) => part.ailment?.() ?? []);
    const why = room.isStopping ? "stopping" : ailment;
    return why === undefined ? answer("ok\n") : answer(`${why}\n`, 503);
  };

  return {
    extra: () => counters,
    get url() {
      return port && (["metrics", `http://${port.address}/metrics`] as const);
    },
    async open(connections) {
      const routes = {
        "/metrics": { GET: () => figures(connections) },
        "/health": { GET: () => health(connections) },
      };
      port = await openHttpPort(place, (at) =>
        Bun.serve({ ...at, ...basics("/metrics or /health\n", onError), routes }),
      );
    },
    async close() {
      port?.close();
    },
  };
}
