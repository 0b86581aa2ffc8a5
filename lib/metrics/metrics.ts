/** `--metrics`: figures for Prometheus, and whether the server takes clients, on a port of their own. */

import type { RoomEvents } from "../room/options.ts";
import type { Room } from "../room/room.ts";
import type { Connections } from "./connections.ts";
import { Figures } from "./figures.ts";
import { answer, HttpPort } from "./http-port.ts";
import type { Port } from "./port.ts";

/** As Prometheus asks for it: the text format. */
const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/** Answers `GET /metrics` and `GET /health`. Whoever reaches the port may ask: figures name nobody. */
export class Metrics {
  readonly #place: Port;
  readonly #figures = new Figures();
  #port: HttpPort | undefined;

  constructor(place: Port) {
    this.#place = place;
  }

  /** Where the figures are: `http://127.0.0.1:9090/metrics`. */
  get url(): string {
    return `http://${this.#port?.address}/metrics`;
  }

  /** The reports of a room, counted on their way. */
  counting<Events extends RoomEvents>(events: Events): Events {
    return this.#figures.counting(events);
  }

  /** @throws {UserError} when it cannot listen there */
  async open(connections: Connections): Promise<void> {
    const fetch = (request: Request) => this.#answer(request, connections);
    this.#port = await HttpPort.open(this.#place, (ground) => Bun.serve({ ...ground, fetch }));
  }

  close(): void {
    this.#port?.close();
  }

  #answer({ method, url }: Request, connections: Connections): Response {
    const { pathname } = new URL(url);
    if (!["GET", "HEAD"].includes(method)) return answer("GET and nothing else\n", 405);
    if (pathname === "/metrics")
      return answer(this.#figures.text(connections.counts), 200, TEXT_FORMAT);
    if (pathname !== "/health") return answer("/metrics or /health\n", 404);
    const why = ailmentOf(connections.room);
    return why === undefined ? answer("ok\n") : answer(`${why}\n`, 503);
  }
}

/** Why clients had better go elsewhere. */
function ailmentOf({ stopping, sharing }: Room): string | undefined {
  if (stopping) return "stopping";
  return sharing && !sharing.order.state.isUp ? "redis is away" : undefined;
}
