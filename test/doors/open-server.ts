/** A server in the process of the test, with what happens there as the event log would have it. */

import { readFileSync } from "node:fs";
import type { SecureVersion } from "node:tls";

import { loadTls } from "../../lib/program/files.ts";
import type { ListenOptions } from "../../lib/server/api.ts";
import { listen } from "../../lib/server/listen.ts";
import { key, pem } from "../certificates.ts";
import { atEnd, Peer, type PeerOptions } from "../harness.ts";
import { Watched } from "../harness/watched.ts";

/** Certificate and key of the server; with the CA, only clients that it has certified may join. */
export const material = (ca?: "ca") =>
  loadTls({ cert: pem("server"), key: key("server"), ca: ca && pem(ca) });

/** What a client trusts and shows. */
export function trusting({ show, version }: { show?: string; version?: SecureVersion } = {}) {
  return {
    ...{ servername: "localhost", ca: readFileSync(pem("ca")) },
    ...(show && { cert: readFileSync(pem(show)), key: readFileSync(key(show)) }),
    ...(version && { minVersion: version, maxVersion: version }),
  };
}

export async function openServer(options: Partial<ListenOptions> = {}) {
  const events: string[] = [];
  const changes = new Watched();
  const note = (event: string) => {
    events.push(event);
    changes.changed();
  };
  const server = await listen({
    ...{ host: "127.0.0.1", port: 0 },
    onJoin: ({ label }) => note(`joined ${label}`),
    onLeave: ({ label }, why) => note(`left ${label}: ${why}`),
    onRefuse: (label, why) => note(`refused ${label}: ${why}`),
    onError: (error) => note(`error ${error}`),
    ...options,
  });
  atEnd(() => server.stop(0));
  const { port } = server;
  /** Waits until something has happened. */
  const happened = (event: string | RegExp) =>
    changes.until(`${event}, after ${events}`, () =>
      events.find((one) => (event instanceof RegExp ? event.test(one) : event === one)),
    );
  /** A client that has joined. */
  const join = async (how: PeerOptions = {}) => {
    const peer = await Peer.connect(port, how);
    await happened(`joined ${peer.name}`);
    return peer;
  };
  return { server, port, events, happened, join };
}
