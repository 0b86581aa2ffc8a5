/** Loaded before each test file: gives tests that wait for an event the time to say what did not come. */

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(20_000);
