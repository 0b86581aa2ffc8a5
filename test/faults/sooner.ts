/** Preloaded into the programs: a peer that has vanished is found after 2 s instead of 70. */

import { VANISHED } from "../../lib/program/network.ts";

VANISHED.silentMs = 2_000;
VANISHED.lookMs = 100;
