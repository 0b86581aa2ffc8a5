/** Somebody between clients and a server, who may end each connection anywhere. */

import { connect, createServer, type Socket } from "node:net";

import { listenSomewhere } from "./host.ts";

/** Both ends of a connection there: towards the client, and towards the server. */
export interface Wire {
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * Hands on what comes, and each end, until a socket is used otherwise.
 *
 * @param to the port of the server
 * @returns where clients connect to, and their connections so far
 */
export async function openBetween(to: number) {
  const wires: Wire[] = [];
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: to, allowHalfOpen: true });
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far).pipe(near);
    wires.push({ near, far });
  });
  const close = () => {
    for (const { near, far } of wires) for (const socket of [near, far]) socket.destroy();
    server.close();
  };
  return { port: await listenSomewhere(server), wires, close };
}
