/** Faults of those who speak something else than lines, or whose connection somebody else ends. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Peer } from "../harness.ts";
import { openBetween } from "../harness/between.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";
import { demand, type Fault, newName } from "./faults.ts";
import { Seat } from "./seat.ts";

/** A room that relays any of these breaks the numbered lines that its members expect. */
const REQUESTS = [
  "GET / HTTP/1.1\r\nHost: 127.0.0.1:99999\r\nCookie: session=secret\r\n\r\n",
  "POST /said HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nann: hello\n",
  `GET /${"a".repeat(20_000)} HTTP/1.1\r\n\r\n`,
  "OPTIONS * HTTP/1.0\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

export const httpRequests: Fault = {
  name: "requests of HTTP come to every port",
  options: { args: ["--web", "0", "--metrics", "0"] },
  async unleash(room) {
    const others = room.journal.flatMap(
      (line) => / (?:web|metrics) at http:.*:(\d+)\//.exec(line)?.[1] ?? [],
    );
    const send = async (port: number, request: string, index: number) => {
      const peer = await Peer.connect(port);
      const [bytes, pieces] = index % 2 === 0 ? [1, 40] : [9, 20];
      for (let at = 0; at < bytes * pieces; at += bytes) {
        if (!(await peer.sayAll(request.slice(at, at + bytes)))) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      void peer.sayAll(request.slice(bytes * pieces));
      return peer;
    };
    const sendAll = (port: number) =>
      Promise.all(REQUESTS.map((request, index) => send(port, request, index)));
    const [toRoom = [], ...rest] = await Promise.all(
      [room.port, ...others.map(Number)].map(sendAll),
    );
    return async () => {
      for (const peer of toRoom) {
        await peer.hears("HTTP/1.1 400 Bad Request\r\n");
        demand(peer.text.includes("This is a chat room"), `the room said ${peer.text}`);
      }
      for (const peer of [...toRoom, ...rest.flat()]) peer.reset();
    };
  },
};

/** What trusts any server: who it is does not matter here. */
const TRUSTING = { rejectUnauthorized: false };

export const cutInTls: Fault = {
  name: "connections over TLS are cut off in the middle of a line",
  options: { tls: TRUSTING },
  async unleash(room, witness) {
    const { port, wires, close } = await openBetween(room.port);
    const seats = await Promise.all(
      Array.from({ length: 20 }, () =>
        Seat.join(port, newName("wire"), { tls: TRUSTING, late: true }),
      ),
    );
    await Promise.all(seats.map((seat) => seat.say(2)));
    await Promise.all(seats.map((seat) => witness.hears(seat.name, 2)));
    const passed = wires.map(({ near }) => new Promise((resolve) => near.once("data", resolve)));
    await Promise.all(seats.map((seat) => seat.write("half of a li")));
    await Promise.all(passed);
    for (const { near, far } of wires) {
      near.unpipe(far);
      far.end();
    }
    return async () => {
      await room.logged(/cut off/);
      close();
    };
  },
};

let folder: string | undefined;

/** The options of a server over TLS, with a certificate in files that are removed at the end. */
export function tlsArgs(): string[] {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "linechat-faults-"));
    for (const name of ["cert", "key"] as const) writeFileSync(join(made, name), CERTIFICATE[name]);
    process.on("exit", () => rmSync(made, { recursive: true }));
    folder = made;
  }
  return ["--tls-cert", join(folder, "cert"), "--tls-key", join(folder, "key")];
}
