// What the scheduler hands out: tickets for calls, waiting texts, batches.
import type { Lane } from '../contracts/lane.js';

/** An admitted call. Only the scheduler makes tickets; it knows a call by its ticket's identity. */
export interface CallTicket {
  readonly lane: Lane;
  /** On the scheduler's clock; null: none. */
  readonly deadlineAtMs: number | null;
}

/** A tokenised text that waits for a process, or stands in a batch. */
export interface WaitingText<Payload> {
  readonly call: CallTicket;
  /** Special tokens included, after truncation. */
  readonly tokens: number;
  readonly payload: Payload;
  readonly addedAtMs: number;
}

/** What one inference run takes. */
export interface Batch<Payload> {
  readonly lane: Lane;
  /** At least one. */
  readonly texts: readonly WaitingText<Payload>[];
  readonly longestTokens: number;
  /** texts.length * longestTokens: what is computed, padding included. */
  readonly paddedTokens: number;
}
