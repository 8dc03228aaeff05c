// How long a batch takes, learned from batches that ended: durationMs = overheadMs + msPerToken * padded tokens.
// A weighted least-squares line in which old batches fade, so that it follows a machine that gets slower or faster.

/** Weight that a batch keeps when the next one is recorded: the line remembers about the last 50 batches. */
const MEMORY = 0.98;
/** A batch counts as at most this many times slower or faster than expected: one stall must not bend the line. */
const OUTLIER_FACTOR = 3;
/** Batches before which nothing counts as an outlier. */
const TRUSTED_AFTER = 4;
/** Before anything is measured. A batch of this size takes some milliseconds in a small model on one slow core. */
const FIRST_TOKENS = 128;
/** A batch is at most this many times as large as the largest measured one: no long leap on a young line. */
const GROWTH = 2;
/** How far durations are taken to vary before more than one is known, as a share of the first. */
const FIRST_DEVIATION = 0.2;
/** Share of the newest error in the typical error. */
const DEVIATION_WEIGHT = 0.1;
/** How many times the typical error a batch is expected to stay within. */
const SAFETY_DEVIATIONS = 2;

export class CostModel {
  #batches = 0;
  #weight = 0;
  #meanTokens = 0;
  #meanMs = 0;
  /** Weighted sums of squared and of crossed deviations from the means. */
  #tokensSpread = 0;
  #crossSpread = 0;
  /** Typical |measured - expected|, ms. */
  #deviationMs = 0;
  #largestTokens = 0;

  record(paddedTokens: number, durationMs: number): void {
    if (!(paddedTokens > 0) || !(durationMs >= 0) || !Number.isFinite(durationMs)) return;
    const expectedMs = this.expectedMs(paddedTokens);
    let heldMs = durationMs;
    if (expectedMs === null) {
      this.#deviationMs = durationMs * FIRST_DEVIATION;
    } else {
      if (this.#batches >= TRUSTED_AFTER) {
        heldMs = Math.min(Math.max(durationMs, expectedMs / OUTLIER_FACTOR), expectedMs * OUTLIER_FACTOR);
      }
      this.#deviationMs += (Math.abs(heldMs - expectedMs) - this.#deviationMs) * DEVIATION_WEIGHT;
    }
    // West's incremental update of weighted means and co-moments, with forgetting.
    this.#weight = this.#weight * MEMORY + 1;
    const share = 1 / this.#weight;
    const fromMeanTokens = paddedTokens - this.#meanTokens;
    this.#meanTokens += share * fromMeanTokens;
    this.#meanMs += share * (heldMs - this.#meanMs);
    this.#tokensSpread = this.#tokensSpread * MEMORY + fromMeanTokens * (paddedTokens - this.#meanTokens);
    this.#crossSpread = this.#crossSpread * MEMORY + fromMeanTokens * (heldMs - this.#meanMs);
    this.#batches += 1;
    this.#largestTokens = Math.max(this.#largestTokens, paddedTokens);
  }

  /** Expected duration of a batch; null before anything is measured. */
  expectedMs(paddedTokens: number): number | null {
    if (this.#batches === 0) return null;
    const { overheadMs, msPerToken } = this.#line();
    return overheadMs + msPerToken * paddedTokens;
  }

  /** Most padded tokens of a batch that is to end within `limitMs`; at least 1, and careful before it has learned. */
  tokensWithin(limitMs: number): number {
    if (this.#batches === 0) return FIRST_TOKENS;
    const { overheadMs, msPerToken } = this.#line();
    const spareMs = limitMs - overheadMs - SAFETY_DEVIATIONS * this.#deviationMs;
    const tokens = msPerToken > 0 ? spareMs / msPerToken : Number.POSITIVE_INFINITY;
    return Math.max(1, Math.floor(Math.min(tokens, Math.max(FIRST_TOKENS, this.#largestTokens * GROWTH))));
  }

  #line(): { overheadMs: number; msPerToken: number } {
    // Batches all of about one size say nothing about the slope: then everything counts as cost by tokens, which
    // overstates large batches. The same where noise made the line fall, or start below zero.
    const proportional = { overheadMs: 0, msPerToken: this.#meanMs / this.#meanTokens };
    const relativeSpread = this.#tokensSpread / (this.#weight * this.#meanTokens * this.#meanTokens);
    if (relativeSpread < 0.01) return proportional;
    const msPerToken = this.#crossSpread / this.#tokensSpread;
    const overheadMs = this.#meanMs - msPerToken * this.#meanTokens;
    return msPerToken > 0 && overheadMs >= 0 ? { overheadMs, msPerToken } : proportional;
  }
}
