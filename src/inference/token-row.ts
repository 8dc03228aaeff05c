// One text after tokenising: what an inference process needs of it.

export interface TokenRow {
  /** Special tokens included, truncated to the model's maxSeq. */
  readonly ids: Int32Array;
  /** Leading tokens that belong to the prompt and are left out of pooling; 0 where pooling takes all. */
  readonly promptTokens: number;
  /** Tokens before truncation, special tokens included. */
  readonly fullLength: number;
}
