/**
 * Machines that vanish, as when a cable is pulled: in network namespaces, where the other machine is
 * one more. This file is a program, to be run alone on a network.
 */

import assert from "node:assert/strict";

import { clientCommand, Program, runToEnd } from "../harness.ts";
import type { Fault } from "./faults.ts";
import { undergo } from "./ordeal.ts";
import { Seat } from "./seat.ts";

const HERE = "10.99.0.1";
const THERE = "10.99.0.2";
/** Frames to this address, which nobody has, are lost without a word. */
const NOBODY = "02:00:00:00:00:ff";
const CABLE = `
  ip link add here address 02:00:00:00:00:01 type veth peer name there address 02:00:00:00:00:02
  ip link set there netns $1
  ip address add ${HERE}/24 dev here
  ip link set here up
  nsenter -t $1 -n ip address add ${THERE}/24 dev there
  nsenter -t $1 -n ip link set there up
`;
const PLUG = `
  ip neighbour replace ${THERE} lladdr $2 dev here nud permanent
  nsenter -t $1 -n ip neighbour replace ${HERE} lladdr $3 dev there nud permanent
`;

/** Another machine, which programs can run on. */
class Machine {
  readonly #sleeper = new Program(["unshare", "--net", "sh", "-c", "echo up; exec sleep 1000"]);

  static async start(): Promise<Machine> {
    const machine = new Machine();
    await machine.#sleeper.printed("up");
    await machine.#do(CABLE);
    await machine.#do(PLUG, "02:00:00:00:00:02", "02:00:00:00:00:01");
    return machine;
  }

  run(command: readonly string[]): Program {
    return new Program(["nsenter", "-t", `${this.#sleeper.pid}`, "-n", ...command]);
  }

  vanish(): Promise<void> {
    return this.#do(PLUG, NOBODY, NOBODY);
  }

  async #do(script: string, ...words: string[]): Promise<void> {
    const shell = ["sh", "-ec", script, "sh", `${this.#sleeper.pid}`, ...words];
    const { code, stderr } = await runToEnd(shell);
    assert.equal(code, 0, stderr);
  }
}

const FLOOD_LINES = 3000;
const FLOOD_BYTES = 1000 * FLOOD_LINES;

const machineVanishes: Fault = {
  name: "the machine of three clients vanishes",
  args: ["--host", "0.0.0.0"],
  async unleash(room, witness) {
    const machine = await Machine.start();
    const start = () => machine.run(clientCommand(HERE, `${room.port}`));
    const [listener, sender, stopped] = [start(), start(), start()];
    await room.until("three to join", () => room.count(/joined 10\.99\.0\.2:/) === 3);
    stopped.kill("SIGSTOP");
    // It reads nothing for as long as the others are gone, and is there.
    const living = await room.join({ stopped: true, countOnly: true });
    const flood = await Seat.join(room.port, "flood");
    await flood.say(FLOOD_LINES, 1000);
    await witness.hears(flood.name, FLOOD_LINES);
    await machine.vanish();
    sender.say("nobody receives this\n");
    return async () => {
      await room.until("them to leave", () => room.count(/left 10\.99\.0\.2:\d+: vanished/) === 3);
      await sender.printed("lost the connection to 10.99.0.1", "stderr");
      assert.match(sender.stderr, /the server has vanished/);
      assert.equal(await sender.exited, 1, "the client did not fail");
      assert.equal(room.count(/vanished/), 3, "one that is there counts as vanished");
      living.resume();
      await living.hearsBytes(FLOOD_BYTES);
      for (const program of [listener, stopped]) program.kill("SIGKILL");
      flood.peer.reset();
      living.reset();
    };
  },
};

if (import.meta.main) {
  await undergo(machineVanishes);
  process.exit();
}
