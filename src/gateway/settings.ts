// What the gateway is told by whoever starts it, and the limits that no variable sets.

/** What `/v1/embeddings` does with lists of token ids (EMB_OPENAI_TOKEN_IDS). */
export type TokenIdPolicy = 'refuse' | 'model' | 'cl100k_base';

export interface GatewaySettings {
  /** Of embedq, as /info and the log tell it. */
  readonly version: string;
  readonly openaiTokenIds: TokenIdPolicy;
  readonly timeouts?: Partial<GatewayTimeouts>;
}

export interface GatewayTimeouts {
  /** For the request line and headers to arrive. */
  readonly headersMs: number;
  /** For the whole request to arrive; at the default body limit 8 MiB in a minute, 1.2 Mbit/s. */
  readonly requestMs: number;
  /** An idle connection is kept for; above the minute that load balancers commonly use, so that they close first. */
  readonly keepAliveMs: number;
  /**
   * How long the rest of a refused body is read and thrown away. Closing at once would reset the connection, and
   * the client would see that instead of the answer.
   */
  readonly lingerMs: number;
}

export const DEFAULT_TIMEOUTS: GatewayTimeouts = Object.freeze({
  headersMs: 15_000,
  requestMs: 60_000,
  keepAliveMs: 72_000,
  lingerMs: 5_000,
});

/** Request line and headers together. */
export const MAX_HEADER_BYTES = 16_384;
/** Open connections; one more is closed by Node at once. */
export const MAX_CONNECTIONS = 4_096;
