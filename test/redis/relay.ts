/**
 * `bun test/redis/relay.ts REDIS-URL`: what somebody would make at home, for `bun run bench --redis`. Each
 * line goes out by PUBLISH, and what is subscribed to goes to all clients but the sender. It promises
 * nothing: a slow reader loses lines, and so does a lost connection to Redis.
 */

const [url = "redis://127.0.0.1"] = process.argv.slice(2);
const [publisher, subscriber] = [new Bun.RedisClient(url), new Bun.RedisClient(url)];
const own = crypto.randomUUID();
const clients = new Map<string, Bun.Socket<{ id: string; rest: string }>>();
let count = 0;

await subscriber.subscribe("relay", (message) => {
  const [sender = "", lines = ""] = message.split("\0");
  for (const [id, client] of clients) if (id !== sender) client.write(lines);
});
const { port } = Bun.listen<{ id: string; rest: string }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.setNoDelay(true);
      socket.data = { id: `${own}.${count++}`, rest: "" };
      clients.set(socket.data.id, socket);
    },
    data({ data }, chunk) {
      const text = data.rest + chunk.toString();
      const end = text.lastIndexOf("\n") + 1;
      data.rest = text.slice(end);
      if (end > 0) void publisher.publish("relay", `${data.id}\0${text.slice(0, end)}`);
    },
    close: ({ data }) => void clients.delete(data.id),
    error() {},
  },
});
console.error(`listening on 127.0.0.1:${port}`);

export {};
