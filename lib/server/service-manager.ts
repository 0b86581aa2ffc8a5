/** What a service manager is told: that the server is ready, reads its files anew, or stops. */

/** As sd_notify(3) has them. */
const READY = "READY=1";
const STOPPING = "STOPPING=1";
const RELOADING = "RELOADING=1";

const RETRY_MS = 100;
const TRIES_MAX = 20;

export interface ServiceManager {
  ready(): void;
  reloading(): void;
  stopping(): void;
}

/**
 * The service manager that listens at `NOTIFY_SOCKET`; if there is none, nobody is told. Nothing
 * waits for it: while it takes nothing, it is tried again, and the states stay in order.
 *
 * @param onFailure is told if it takes nothing for 2 s; then it is told no more
 */
export async function serviceManager(
  onFailure: (message: string) => void,
  address = process.env["NOTIFY_SOCKET"],
): Promise<ServiceManager> {
  if (!address) return { ready() {}, reloading() {}, stopping() {} };
  // Loaded only where it is needed.
  const { openDatagrams } = await import("./datagrams.ts");
  const { send, monotonicUs } = openDatagrams(address);
  const states: string[] = [];
  let tries = 0;
  const sendAll = () => {
    for (let state = states[0]; state !== undefined; state = states[0]) {
      if (tries > TRIES_MAX) return;
      if (!send(state)) {
        if (++tries <= TRIES_MAX) setTimeout(sendAll, RETRY_MS).unref();
        else onFailure(`the service manager does not take what it is told at ${address}`);
        return;
      }
      tries = 0;
      states.shift();
    }
  };
  const tell = (state: string) => {
    if (states.push(state) === 1) sendAll();
  };
  return {
    ready: () => tell(READY),
    reloading: () => tell(`${RELOADING}\nMONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => tell(STOPPING),
  };
}
