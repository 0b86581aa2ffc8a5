/**
 * The names that members of this server ask for, where other servers may have given them
 * away. What is asked is numbered, and asked again under its number after a lost
 * connection: what the lost one still does later counts for nothing then.
 */

export interface Claim {
  readonly number: number;
  /** Whether a name is asked for, or given back. */
  readonly what: "claim" | "release";
  /** That of the name. */
  readonly key: string;
}

export class Claims {
  readonly #send: (claim: Claim) => void;
  /** What is not answered yet, in order, and who waits for it. */
  #asked: { readonly claim: Claim; readonly answer: (granted: boolean) => void }[] = [];
  #number = 0;
  /** The last one that was answered: a stream that does not know of it has forgotten. */
  answeredNumber = 0;

  constructor(send: (claim: Claim) => void) {
    this.#send = send;
  }

  ask(key: string, answer: (granted: boolean) => void): void {
    this.#add("claim", key, answer);
  }

  release(key: string): void {
    this.#add("release", key, () => {});
  }

  answered(number: number, granted: boolean): void {
    this.answeredNumber = Math.max(this.answeredNumber, number);
    const at = this.#asked.findIndex(({ claim }) => claim.number === number);
    if (at >= 0) for (const { answer } of this.#asked.splice(at, 1)) answer(granted);
  }

  /** There is another connection. */
  again(): void {
    for (const { claim } of this.#asked) this.#send(claim);
  }

  /** This server begins anew, under another name. */
  forget(): void {
    this.#asked = [];
    this.#number = this.answeredNumber = 0;
  }

  #add(what: Claim["what"], key: string, answer: (granted: boolean) => void): void {
    const claim = { number: ++this.#number, what, key };
    this.#asked.push({ claim, answer });
    this.#send(claim);
  }
}
