/**
 * Newcomers, one after the other, each of whom hears so much and goes: a process of its own, so that
 * it takes no time from the one that measures. Prints how long each has taken, in ms.
 *
 *   bun test/bench/newcomers-process.ts PORT BYTES AT_ONCE
 */

export {}; // A module, whose names are its own.

const [port = 0, bytes = 0, atOnce = 1] = process.argv.slice(2).map(Number);
/** Between two of them, in ms. */
const PAUSE_MS = 20;

console.log("ready");
await Promise.all(Array.from({ length: atOnce }, comeAgainAndAgain));

async function comeAgainAndAgain(): Promise<never> {
  for (;;) {
    const fromMs = performance.now();
    await hearHistory();
    console.log((performance.now() - fromMs).toFixed(1));
    await Bun.sleep(PAUSE_MS);
  }
}

async function hearHistory(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = bytes;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, heard) {
        left -= heard.length;
        if (left <= 0) resolve();
      },
      close: () => reject(new Error("the server closed a connection")),
    },
  });
  await promise;
  socket.terminate();
}
