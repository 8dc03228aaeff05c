// The embedder behind a bare `embedTexts(…)`: made from the environment with the first call, shared by all calls,
// and no reason for the process to stay alive when nothing is left to compute.
import type { Embedder } from '../contracts/embedder.js';
import type { EmbedOptions, EmbedResult } from '../contracts/embedding.js';
import { createEmbedder } from './embedder.js';

let shared: Promise<Embedder> | null = null;

/**
 * Embeds texts with the models of EMB_MODELS. The first call loads them, which takes about half a second.
 * @throws an EmbedqError where the configuration or the request is wrong, or no model could answer
 */
export async function embedTexts(texts: readonly string[], options: EmbedOptions = {}): Promise<EmbedResult> {
  shared ??= createEmbedder().catch((error: unknown) => {
    // A fault that was mended since (a file put in place, say) must not last for ever.
    shared = null;
    throw error;
  });
  const embedder = await shared;
  return embedder.embedTexts(texts, options);
}
