// What `createEmbedder` returns, and what the gateway and the command line are built on.
import type { BackendStatus } from './backend.js';
import type { EmbedInput, EmbedOptions, EmbedResult } from './embedding.js';
import type { ModelInfo } from './model.js';

/** Limits in force for one call, as `/info` tells them. */
export interface ServiceLimits {
  readonly maxTextsPerCall: number;
  /** UTF-16 units, or token ids, of one text. */
  readonly maxTextCharacters: number;
  readonly maxBodyBytes: number;
  /** Padded tokens one inference run may hold, by lane. */
  readonly maxBatchTokensRt: number;
  readonly maxBatchTokensBulk: number;
  /** Texts that may wait in one lane of one model before calls are refused with E_OVERLOADED. */
  readonly maxQueuedTexts: number;
  readonly maxQueuedTokens: number;
}

export interface Embedder {
  /**
   * Embeds texts with one or several models. Throws an EmbedqError only where no model could answer; where
   * some could, the others are listed under `errors`.
   */
  embedTexts(texts: readonly EmbedInput[], options?: EmbedOptions): Promise<EmbedResult>;
  readonly models: readonly ModelInfo[];
  /** Aliases used where a call names none. */
  readonly defaultModels: Readonly<{ rt: readonly string[]; bulk: readonly string[] }>;
  readonly limits: ServiceLimits;
  status(): readonly BackendStatus[];
  /** Refuses new calls, lets running ones end, releases everything. Idempotent. */
  close(): Promise<void>;
}
