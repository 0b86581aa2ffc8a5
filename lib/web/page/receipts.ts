/**
 * Which of the user's lines the server has received: those that were sent before a question that it
 * has answered. While one question is out, further lines wait for the next.
 */

import { countOf, make } from "./elements.ts";
import { addOwn, arrived, note } from "./transcript.ts";

/** A line, and how it looks. */
interface Sent {
  readonly line: string;
  readonly element: HTMLElement;
}

/** Lines that are not known to be received, and how many of them the question is about, if one is out. */
const underWay: Sent[] = [];
let asked: number | undefined;
/** Lines that the server may not have received, and what offers to send them again. */
const doubtful: Sent[] = [];
let sendAgain: HTMLElement | undefined;

/** Shows a line that was sent as under way; returns whether a question about it has to be sent now. */
export function sent(line: string): boolean {
  underWay.push({ line, element: addOwn(line) });
  return asked === undefined;
}

/** A question is sent, after what was sent until now. */
export function asks(): void {
  asked ??= underWay.length;
}

/** It is answered; returns whether there is something to ask about again. */
export function answered(): boolean {
  for (const { line, element } of underWay.splice(0, asked ?? 0)) arrived(line, element);
  asked = undefined;
  return underWay.length > 0;
}

/**
 * There will be no answer: tells which lines may be lost.
 *
 * @param loss what there is to tell of besides, or empty
 * @param repeat sends them again, once it takes them
 */
export function doubt(loss: string, repeat: (takeLines: () => string[]) => void): void {
  const lines = underWay.splice(0);
  asked = undefined;
  if (lines.length === 0) return loss === "" ? undefined : void note(loss);
  for (const { element } of lines) element.classList.replace("sending", "doubtful");
  doubtful.push(...lines);
  sendAgain?.remove();
  sendAgain = make("button", { onclick: () => repeat(takeDoubtful) }, "Send again");
  const last = doubtful.length === 1 ? "line" : countOf(doubtful.length);
  note(`${loss && `${loss}; `}the last ${last} you sent may be lost `, sendAgain);
}

function takeDoubtful(): string[] {
  sendAgain?.remove();
  for (const { element } of doubtful) element.remove();
  return doubtful.splice(0).map(({ line }) => line);
}
