/**
 * `bun run soak --minutes 15`: one server, members that talk all the time, and
 * faults at random; in the end every line is accounted for.
 */

import { parseArgs } from "node:util";

import { demand, FAULTS, newName } from "./faults/faults.ts";
import { stopAmid, undergo } from "./faults/ordeal.ts";
import { RoomProcess } from "./faults/room-process.ts";
import { breakAll, Seat } from "./faults/seat.ts";
import { Random } from "./simulation/random.ts";

/** How many members talk and listen from the first to the last minute. */
const STEADY = 4;
/** How many guests are there at a time, each for a few lines. */
const GUESTS = 3;
/** A pause between two sayings, so that a talker leaves time for the others. */
const BREATH_MS = 5;

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "15" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Date.now());
const endAtMs = performance.now() + Number(values.minutes) * 60_000;
const random = new Random(seed);

/** What guests have said whole, by their names. */
const guestLines = new Map<string, number>();
let guestDeliveries = 0;
let faults = 0;
let stops = 0;

console.log(`soaking for ${values.minutes} minutes, --seed ${seed}`);
await using room = await RoomProcess.start({
  args: ["--patience", "2s", "--buffer", "1M", "--max-clients", "4000"],
});
const steady = await Promise.all(
  Array.from({ length: STEADY }, (_, index) => Seat.join(room.port, `steady-${index}`)),
);
reportMemory("start");
const middle = setTimeout(() => reportMemory("middle"), (endAtMs - performance.now()) / 2);

await Promise.all([
  ...steady.map(talk),
  ...Array.from({ length: GUESTS }, visit),
  strikeTheRoom(),
  strikeOthers(),
]);
clearTimeout(middle);
await account();

/** A steady member says a few lines at a time. */
async function talk(seat: Seat): Promise<void> {
  while (performance.now() < endAtMs) {
    await seat.say(random.between(1, 30), random.below(200));
    await Bun.sleep(BREATH_MS);
  }
}

/** Guest after guest comes, says some lines, half-closes, and hears on until its EOF. */
async function visit(): Promise<void> {
  while (performance.now() < endAtMs) {
    const guest = await Seat.join(room.port, newName("guest"), { late: true });
    guestLines.set(guest.name, await guest.say(random.between(1, 300), random.below(2000)));
    guest.finish();
    demand((await guest.left) === "end of input", `${guest.name} was reset`);
    demand(guest.heard.fault === undefined, `${guest.name} heard ${guest.heard.fault}`);
    guestDeliveries += guest.heard.lines;
    await Bun.sleep(BREATH_MS);
  }
}

/** Fault after fault for the room with the steady members. */
async function strikeTheRoom(): Promise<void> {
  const [witness] = steady;
  const possible = FAULTS.filter(
    ({ options }) => !options?.filesMax && !limitsClients(options?.args),
  );
  while (witness && performance.now() < endAtMs) {
    const end = await random.pick(possible).unleash(room, witness);
    await Bun.sleep(random.below(500));
    await end();
    faults++;
  }
}

/** Rooms of their own for the faults that need special options, and for a SIGTERM in the middle. */
async function strikeOthers(): Promise<void> {
  while (performance.now() < endAtMs) {
    const fault = random.pick(FAULTS);
    if (random.chance(500)) await undergo(fault);
    else await stopAmid(fault);
    stops++;
    await Bun.sleep(random.below(3_000));
  }
}

function limitsClients(args: readonly string[] = []): boolean {
  return args.includes("--max-clients");
}

/** Waits until all is heard, stops the server, and prints what became of every line. */
async function account(): Promise<void> {
  const said = new Map([...guestLines, ...steady.map(({ name, said }) => [name, said] as const)]);
  let due = 0;
  let delivered = 0;
  for (const member of steady)
    for (const [name, lines] of said) {
      if (name === member.name) continue;
      await member.hears(name, lines);
      due += lines;
      delivered += member.heard.count(name);
    }
  const linesSaid = [...said.values()].reduce((sum, lines) => sum + lines, 0);
  const heard = steady.reduce((sum, member) => sum + member.heard.lines, guestDeliveries);
  reportMemory("end");
  const exitCode = await room.stop();
  demand(exitCode === 0, `the server ended with exit code ${exitCode}`);
  for (const member of steady)
    demand((await member.left) === "end of input", `${member.name} was reset`);
  breakAll(room.port);

  console.log(`lines said by steady members and guests: ${linesSaid}`);
  console.log(`lines delivered to steady members: ${delivered} of ${due}`);
  console.log(`lines lost: ${due - delivered}`);
  console.log(`lines heard in all, those of faults too: ${heard}`);
  console.log(`clients churned: ${room.count(/ left .*(end of input|reset)/)}`);
  console.log(`evictions: ${room.count(/too slow/)}`);
  console.log(`faults: ${faults} in this room, ${stops} in rooms that were stopped`);
}

function reportMemory(when: string): void {
  const mib = (room.memoryBytes / (1 << 20)).toFixed(1);
  console.log(`memory at the ${when}: ${mib} MiB`);
}
