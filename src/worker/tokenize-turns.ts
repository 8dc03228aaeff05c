// Lets bulk calls tokenise one chunk at a time, in turns, so that tokenising a flood of bulk texts never takes the
// processor from an rt call. The rt lane does not wait here.

export class TokenizeTurns {
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  /** Runs the task when its turn comes. The queue holds at most one task a call, and calls are bounded. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#busy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy = true;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy = false;
      else next();
    }
  }
}
