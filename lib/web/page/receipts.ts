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

/** Lines that the question is about that is out, if one is, and those sent after it. */
let asked: Sent[] | undefined;
let unasked: Sent[] = [];
/** Lines that the server may not have received, and what offers to send them again. */
let doubtful: Sent[] = [];
let sendAgain: HTMLElement | undefined;

export const isQuestionOut = () => asked !== undefined;

/** Shows lines that were sent as under way. */
export function underWay(lines: readonly string[]): void {
  for (const line of lines) unasked.push({ line, element: addOwn(line) });
}

/** A question is sent, after what was sent until now. */
export function asks(): void {
  if (asked !== undefined) return;
  asked = unasked;
  unasked = [];
}

/** It is answered; returns whether there is something to ask about again. */
export function answered(): boolean {
  for (const { line, element } of asked ?? []) arrived(line, element);
  asked = undefined;
  return unasked.length > 0;
}

/**
 * There will be no answer: tells which lines may be lost.
 *
 * @param loss what there is to tell of besides, or empty
 * @param repeat sends them again, once it takes them
 */
export function doubt(loss: string, repeat: (takeLines: () => string[]) => void): void {
  const lines = [...(asked ?? []), ...unasked];
  asked = undefined;
  unasked = [];
  for (const { element } of lines) element.classList.replace("sending", "doubtful");
  if (lines.length === 0) return loss === "" ? undefined : void note(loss);
  doubtful.push(...lines);
  sendAgain?.remove();
  sendAgain = make("button", { onclick: () => repeat(takeDoubtful) }, "Send again");
  const last = doubtful.length === 1 ? "line" : countOf(doubtful.length);
  const what = `the last ${last} you sent may be lost `;
  note(loss === "" ? what : `${loss}; ${what}`, sendAgain);
}

function takeDoubtful(): string[] {
  sendAgain?.remove();
  for (const { element } of doubtful) element.remove();
  return doubtful.splice(0).map(({ line }) => line);
}
