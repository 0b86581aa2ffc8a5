/** The steady crowd, seen from the process that started it. */

import { join } from "node:path";

import type { CrowdPlan, FromCrowd, ToCrowd } from "./steady-crowd.ts";

/** A room that says nothing for so long, while its talkers would, has got stuck. */
const STANDSTILL_MS = 30_000;

type Kind = FromCrowd["kind"];
type Told<K extends Kind> = Extract<FromCrowd, { kind: K }>;

export class CrowdProcess {
  readonly #process: Bun.Subprocess;
  readonly #told = new Map<Kind, PromiseWithResolvers<FromCrowd>>();
  readonly #failure = Promise.withResolvers<never>();
  /** Lines it has heard and checked so far, as of a second ago. */
  deliveries = 0;
  #advancedMs = performance.now();

  private constructor(plan: CrowdPlan) {
    this.#process = Bun.spawn(
      [process.execPath, join(import.meta.dir, "steady-crowd.ts"), JSON.stringify(plan)],
      {
        stdio: ["ignore", "inherit", "inherit"],
        ipc: (message: FromCrowd) => this.#hear(message),
        onExit: (_process, exitCode) => {
          if (exitCode !== 0) this.#failure.reject(new Error("the steady crowd has ended"));
        },
      },
    );
    this.#failure.promise.catch(() => {}); // it may come while nobody waits for it
  }

  /** Starts a crowd; returns once everybody has joined. */
  static async start(plan: CrowdPlan): Promise<CrowdProcess> {
    const crowd = new CrowdProcess(plan);
    await crowd.#next("ready");
    return crowd;
  }

  /** Rejects as soon as something is wrong with what the crowd hears, or it ends. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** Has the talkers finish; returns how many lines each has said. */
  async hush(): Promise<number[]> {
    this.#tell({ kind: "hush" });
    return (await this.#next("silent")).said;
  }

  /**
   * Waits until everybody has heard everything, but not for ever.
   *
   * @param lines how many were said in all
   */
  account(lines: number): Promise<Told<"account">> {
    this.#tell({ kind: "account", lines });
    return this.#next("account");
  }

  /** Waits until all have left the closing room; returns the exit code, 0 if none was reset. */
  get ended(): Promise<number> {
    return this.#process.exited;
  }

  /** Ends it in any case. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  #tell(message: ToCrowd): void {
    this.#process.send(message);
  }

  async #next<K extends Kind>(kind: K): Promise<Told<K>> {
    return (await Promise.race([this.#promised(kind).promise, this.failure])) as Told<K>; // by its kind
  }

  #hear(message: FromCrowd): void {
    if (message.kind === "problem") this.#failure.reject(new Error(message.problem));
    else if (message.kind === "progress") this.#advance(message.deliveries);
    else this.#promised(message.kind).resolve(message);
  }

  #advance(deliveries: number): void {
    if (deliveries > this.deliveries) this.#advancedMs = performance.now();
    else if (performance.now() - this.#advancedMs > STANDSTILL_MS)
      this.#failure.reject(new Error(`nobody has heard anything for ${STANDSTILL_MS / 1000} s`));
    this.deliveries = deliveries;
  }

  #promised(kind: Kind): PromiseWithResolvers<FromCrowd> {
    const promised = this.#told.get(kind) ?? Promise.withResolvers<FromCrowd>();
    this.#told.set(kind, promised);
    return promised;
  }
}
