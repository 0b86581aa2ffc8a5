/** A relay as most people write it first: node:net, readline, one write per line and client. */

import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

const clients = new Set<Socket>();

createServer((socket) => {
  clients.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => clients.delete(socket));
  createInterface({ input: socket })
    .on("error", () => {})
    .on("line", (line) => {
      for (const client of clients) if (client !== socket) client.write(`${line}\n`);
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
