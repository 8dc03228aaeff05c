// The request and the answer of `embedTexts`, the same in one process and over queues.
import type { ErrorCode } from '../errors.js';
import type { Profile } from './lane.js';

export interface EmbedOptions {
  /** Default `rt`. */
  readonly profile?: Profile;
  /** Aliases, each optionally with a prompt: `minilm`, `minilm:query`. Default: the profile's default models. */
  readonly models?: readonly string[];
  /** Cut each vector to this many floats and normalise it again (Matryoshka). */
  readonly dimensions?: number;
  /** Name of one of the model's prompts. */
  readonly promptName?: string;
  /** A prompt's own text, put before each text as it is. Not together with `promptName`. */
  readonly prompt?: string;
  /** Default true: longer texts are cut at the model's max_seq and counted. False: they are refused. */
  readonly truncate?: boolean;
  /** From the call; what is not computed by then fails with E_DEADLINE_EXCEEDED. Default: none. */
  readonly timeoutMs?: number;
  /** Cancels what is not computed yet. */
  readonly signal?: AbortSignal;
  readonly tenantId?: string;
  readonly idempotencyKey?: string;
  /** Default: a new one. */
  readonly requestId?: string;
}

/** A text, or the model's own token ids without special tokens. */
export type EmbedInput = string | readonly number[];

export interface ModelResult {
  /** As the caller named it. */
  readonly model: string;
  /** Floats per vector in this answer (less than the model's where `dimensions` was given). */
  readonly dim: number;
  readonly fingerprint: string;
  /** Which weights computed it: `fp32`, `int8` or a file's path. */
  readonly variant: string;
  /** The prompt that was put before the texts, if it had a name. */
  readonly promptName: string | null;
  /**
   * In the order of the texts; views into one buffer a batch. A text that failed alone has an empty vector
   * (length 0) and is named in `errors`.
   */
  readonly vectors: readonly Float32Array[];
  /** How many texts were cut at max_seq. */
  readonly truncated: number;
  /** Tokens computed, special tokens and prompts included, after truncation. */
  readonly tokens: number;
  readonly warnings: readonly string[];
  readonly durationMs: number;
}

export interface ModelFailure {
  readonly model: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  /** Only where single texts failed: their positions in the request. The model's other texts are answered. */
  readonly textIndexes?: readonly number[];
}

export interface EmbedResult {
  readonly requestId: string;
  readonly usedProfile: Profile;
  readonly modelResults: readonly ModelResult[];
  readonly errors: readonly ModelFailure[];
  /** The first model's vectors. */
  readonly vectors: readonly Float32Array[];
}
