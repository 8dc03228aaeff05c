// The seam between callers and models: whoever can turn a call for one model into vectors. In one process
// that is the model's worker itself; over Redis it will be the model's queues.
import type { EmbedInput } from './embedding.js';
import type { Lane } from './lane.js';
import type { ModelInfo } from './model.js';

/** Which prompt goes before the texts. */
export type PromptChoice =
  | { readonly kind: 'default' }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string };

/** One call for one model. */
export interface ModelCall {
  readonly requestId: string;
  readonly texts: readonly EmbedInput[];
  readonly lane: Lane;
  readonly prompt: PromptChoice;
  readonly truncate: boolean;
  /** Floats per vector wanted; null: the model's own. */
  readonly dimensions: number | null;
  /** On the clock of `performance.now()`; null: none. */
  readonly deadlineAtMs: number | null;
  readonly signal: AbortSignal | null;
  readonly tenantId: string | null;
}

/** A text that failed (E_TEXT_POISON) while its neighbours were answered. */
export interface FailedText {
  readonly index: number;
  /** Inference processes that it ended. */
  readonly attempts: number;
}

export interface ModelAnswer {
  /** Floats per vector. */
  readonly dim: number;
  /** One a text, in order; length 0 for a failed text. */
  readonly vectors: readonly Float32Array[];
  readonly promptName: string | null;
  /** Tokens computed, special tokens included, after truncation. */
  readonly tokens: number;
  /** Texts cut at max_seq. */
  readonly truncated: number;
  readonly failedTexts: readonly FailedText[];
  readonly warnings: readonly string[];
}

export interface LaneStatus {
  readonly waitingTexts: number;
  readonly waitingTokens: number;
  readonly runningBatches: number;
  /** Inference processes alive and able to take a batch. */
  readonly readyChildren: number;
}

export interface BackendStatus {
  readonly alias: string;
  readonly state: 'ready' | 'degraded' | 'down';
  /** Why it is not `ready`; null when it is. */
  readonly reason: string | null;
  readonly mode: 'pools' | 'shared';
  readonly lanes: Readonly<Record<Lane, LaneStatus>>;
  /** Inference processes that were replaced since the start. */
  readonly childRestarts: number;
  /** The last batch that ended, for people who look at /health; null before the first. */
  readonly lastBatch: {
    readonly lane: Lane;
    readonly texts: number;
    readonly tokens: number;
    readonly durationMs: number;
    readonly endedAt: string;
  } | null;
}

export interface ModelBackend {
  readonly info: ModelInfo;
  /**
   * Turns texts into vectors. Rejects with an EmbedqError: E_OVERLOADED, E_DEADLINE_EXCEEDED, E_CANCELLED,
   * E_PROMPT_UNKNOWN, E_DIMENSIONS_INVALID, E_TEXT_TOO_LONG, E_INFERENCE_FAILED, E_INFERENCE_UNAVAILABLE, E_CLOSED.
   */
  embed(call: ModelCall): Promise<ModelAnswer>;
  status(): BackendStatus;
  close(): Promise<void>;
}
