/** Where the last lines of a log begin, for newcomers that are to hear so many of them. */

/**
 * Finds each line twice, when it is said and when it is history no more: so what a newcomer costs
 * does not depend on how many lines it hears.
 */
export class LastLines {
  readonly #linesMax: number;
  readonly #nextLine: (position: number) => number;
  #start = 0;
  #countedTo = 0;
  /** How many lines there are in between. */
  #lines = 0;

  /** @param nextLine where the line ends that begins at a position */
  constructor(linesMax: number, nextLine: (position: number) => number) {
    this.#linesMax = linesMax;
    this.#nextLine = nextLine;
  }

  /** Where they begin; to be asked while all from the answer before on is held. */
  startAt(head: number, oldest: number): number {
    while (this.#countedTo < head) {
      this.#countedTo = this.#nextLine(this.#countedTo);
      this.#lines++;
    }
    while (this.#start < oldest || this.#lines > this.#linesMax) {
      this.#start = this.#nextLine(this.#start);
      this.#lines--;
    }
    return this.#start;
  }
}
