/**
 * `bun run soak --redis`: three servers that share a room, members who talk on each,
 * and all that may happen to Redis, to the connections and to the servers, at random.
 * In the end of each round every line is accounted for, and Redis forgets.
 */

import { endingAll } from "../harness.ts";
import { Random } from "../simulation/random.ts";
import { Crowd } from "../soak/crowd.ts";
import { FAULTS, forget, openProgram, openRoom, undergo, WAYS_TO_FORGET } from "./faults.ts";

const LISTENERS = 3;
const TALKERS = 6;
/** How many faults come before the lines are counted. */
const FAULTS_A_ROUND = 6;
/** The servers keep so much of what was said in memory, at the most, besides what Bun takes. */
const MEMORY_MAX = 400 << 20;

/**
 * Lasts as long as it is to.
 *
 * @throws {Error} that says which line was heard where it should not have been, or not at all
 */
export function soakOverRedis(seed: number, forMs: number): Promise<void> {
  return endingAll(async () => {
    const random = new Random(seed);
    const room = await openRoom(openProgram);
    const counts = new Map<string, number>();
    const endMs = performance.now() + forMs;
    let [lines, deliveries, memory, rounds] = [0, 0, 0, 0];
    while (performance.now() < endMs) {
      const crowd = await Crowd.gather(room.servers, LISTENERS, TALKERS);
      const scene = { ...room, crowd, random };
      const faults = Array.from({ length: FAULTS_A_ROUND }, () => random.pick(FAULTS));
      for (const { name } of faults) counts.set(name, (counts.get(name) ?? 0) + 1);
      try {
        await undergo(scene, faults);
        lines += crowd.said;
        deliveries += crowd.deliveries;
        await forget(scene, random.pick(Object.values(WAYS_TO_FORGET)));
      } catch (error) {
        for (const { journal } of room.servers) console.log(journal.slice(-12).join("\n"));
        throw error;
      }
      for (const server of room.servers) memory = Math.max(memory, server.memoryBytes());
      console.log(
        `round ${++rounds}: ${lines} lines, ${deliveries} deliveries in one order, none lost, none twice; ${memory >> 20} MiB at most`,
      );
    }
    for (const [name, count] of counts) console.log(`${String(count).padStart(5)} × ${name}`);
    if (memory > MEMORY_MAX) throw new Error(`a server has taken ${memory >> 20} MiB`);
    for (const server of room.servers)
      if ((await server.stop()) !== 0) throw new Error(`a server ended wrongly: ${server.stderr}`);
  });
}
