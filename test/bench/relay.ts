/** A relay as most people write it on Bun: Bun.listen, split into lines, one write per line and client. */

interface Client {
  unfinished: string;
  /** What the socket has not taken yet. */
  queue: Buffer[];
}

const clients = new Set<Bun.Socket<Client>>();
const [, , port, cert, key] = process.argv;

Bun.listen<Client>({
  hostname: "127.0.0.1",
  port: Number(port),
  ...(cert && key && { tls: { cert: Bun.file(cert), key: Bun.file(key) } }),
  socket: {
    open(socket) {
      socket.data = { unfinished: "", queue: [] };
      clients.add(socket);
    },
    data(socket, bytes) {
      const lines = (socket.data.unfinished + bytes.toString()).split("\n");
      socket.data.unfinished = lines.pop() ?? "";
      for (const line of lines)
        for (const client of clients) if (client !== socket) say(client, Buffer.from(`${line}\n`));
    },
    drain: (socket) => say(socket, Buffer.concat(socket.data.queue.splice(0))),
    close: (socket) => void clients.delete(socket),
    error: (socket) => void clients.delete(socket),
  },
});

function say(client: Bun.Socket<Client>, bytes: Buffer): void {
  const { queue } = client.data;
  const taken = queue.length > 0 ? 0 : client.write(bytes, 0, bytes.length);
  if (taken < bytes.length) queue.push(bytes.subarray(Math.max(taken, 0)));
}
