/** All faults. */

import { type Fault, OWN_FAULTS } from "./faults.ts";
import { cutInTls, httpRequests } from "./strangers.ts";

export const FAULTS: readonly Fault[] = [...OWN_FAULTS, httpRequests, cutInTls];
