// How fast a lane drains: texts and tokens computed per millisecond of time in which the lane had work, whatever
// number of processes shared it. From it comes the honest answer to "when shall I try again".

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
  #texts = 0;
  #tokens = 0;

  /** Says whether texts wait or are computed from now on. */
  mark(hasWork: boolean, nowMs: number): void {
    if (this.#hadWork) this.#workMs += Math.max(0, nowMs - this.#markedAtMs);
    this.#markedAtMs = nowMs;
    this.#hadWork = hasWork;
  }

  /** A batch with so many real tokens ended. Call `mark` first. */
  ended(texts: number, tokens: number): void {
    this.#texts += texts;
    this.#tokens += tokens;
    if (this.#workMs > HALF_AFTER_MS) {
      this.#workMs /= 2;
      this.#texts /= 2;
      this.#tokens /= 2;
    }
  }

  /**
   * Whole milliseconds until so many texts and so many tokens have left the queue, at least 10, at most five minutes.
   * Texts are measured on their own, because what waits has more tokens a text than what leaves: short texts leave
   * many at a time.
   */
  retryAfterMs(textsToDrain: number, tokensToDrain: number): number {
    if (this.#workMs === 0 || this.#tokens === 0) return UNMEASURED_RETRY_MS;
    const drainMs = this.#workMs * Math.max(textsToDrain / this.#texts, tokensToDrain / this.#tokens);
    return Math.min(Math.max(Math.ceil(drainMs), LEAST_RETRY_MS), MOST_RETRY_MS);
  }
}
