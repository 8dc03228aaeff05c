// How fast a lane drains: tokens computed per millisecond of time in which the lane had work, whatever number of
// processes shared it. From it comes the honest answer to "when shall I try again".

/** Milliseconds of work after which what was measured counts half. */
const HALF_AFTER_MS = 5_000;
/** Where nothing was measured yet. */
const UNMEASURED_RETRY_MS = 1_000;
const LEAST_RETRY_MS = 10;
/** Nobody plans further ahead; a longer wait would be a guess. */
const MOST_RETRY_MS = 300_000;

export class DrainRate {
  #hadWork = false;
  #markedAtMs = 0;
  #workMs = 0;
  #tokens = 0;

  /** Says whether texts wait or are computed from now on. */
  mark(hasWork: boolean, nowMs: number): void {
    if (this.#hadWork) this.#workMs += Math.max(0, nowMs - this.#markedAtMs);
    this.#markedAtMs = nowMs;
    this.#hadWork = hasWork;
  }

  /** A batch with so many real tokens ended. Call `mark` first. */
  ended(tokens: number): void {
    this.#tokens += tokens;
    if (this.#workMs > HALF_AFTER_MS) {
      this.#workMs /= 2;
      this.#tokens /= 2;
    }
  }

  /** Null before anything is measured. */
  get tokensPerMs(): number | null {
    return this.#workMs > 0 && this.#tokens > 0 ? this.#tokens / this.#workMs : null;
  }

  /** Whole milliseconds until so many tokens have left the queue, at least 10, at most five minutes. */
  retryAfterMs(tokensToDrain: number): number {
    const rate = this.tokensPerMs;
    if (rate === null) return UNMEASURED_RETRY_MS;
    return Math.min(Math.max(Math.ceil(tokensToDrain / rate), LEAST_RETRY_MS), MOST_RETRY_MS);
  }
}
