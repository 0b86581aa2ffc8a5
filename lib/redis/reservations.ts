/** The names that members of this server ask for, where members of other servers may have them. */

import type { Reservations } from "../extras/part.ts";
import type { Request } from "./outgoing.ts";

/** Those of one server. */
export interface SharedNames extends Reservations {
  /** The keys of those that its members have. */
  granted(): readonly string[];
  forget(): void;
}

/** @param add has something requested of the stream */
export function sharedNames(add: (request: Request) => void): SharedNames {
  const claims = new Map<string, { isGranted: boolean }>();
  return {
    ask(key, answer) {
      const claim = { isGranted: false };
      claims.set(key, claim);
      const ask = () => add({ request: `reserve ${key}`, answer: answered });
      const answered = (granted: boolean | undefined) => {
        if (granted === undefined && claims.get(key) === claim) return ask();
        claim.isGranted = granted === true;
        answer(claim.isGranted);
      };
      ask();
    },
    release(key) {
      claims.delete(key);
      add({ request: `release ${key}` });
    },
    granted: () => [...claims].flatMap(([key, { isGranted }]) => (isGranted ? key : [])),
    forget: () => claims.clear(),
  };
}
