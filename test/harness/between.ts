/** Somebody between clients and a server, who may end each connection anywhere. */

import { connect, createServer, type Socket } from "node:net";

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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = () => {
    for (const { near, far } of wires) for (const socket of [near, far]) socket.destroy();
    server.close();
  };
  return { port: address.port, wires, close };
}
