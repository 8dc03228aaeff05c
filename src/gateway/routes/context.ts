// What every route is given, and the one way they call the embedder.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Embedder } from '../../contracts/embedder.js';
import type { EmbedInput, EmbedOptions, EmbedResult } from '../../contracts/embedding.js';
import { EmbedqError, fail } from '../../errors.js';
import { abortOnDeparture } from '../client-departure.js';
import { factsOf } from '../request-facts.js';
import type { GatewaySettings } from '../settings.js';

export interface RouteContext {
  readonly embedder: Embedder;
  readonly settings: GatewaySettings;
  readonly startedAt: Date;
  /** True from the moment the server is told to stop. */
  isClosing(): boolean;
}

/**
 * Embeds for a request: under its id, cancelled when its client goes away, counted in its log line.
 * @throws E_TOO_MANY_TEXTS, and whatever `embedTexts` throws
 */
export async function embedForRequest(
  { embedder }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  texts: readonly EmbedInput[],
  options: EmbedOptions,
): Promise<EmbedResult> {
  checkTextCount(embedder, texts.length);
  const facts = factsOf(request);
  facts.texts = texts.length;
  const result = await embedder.embedTexts(texts, {
    ...options,
    requestId: request.id,
    signal: abortOnDeparture(reply),
  });
  facts.models = result.modelResults.map(({ model }) => model);
  facts.tokens = result.modelResults.reduce((sum, { tokens }) => sum + tokens, 0);
  return result;
}

/** @throws E_TOO_MANY_TEXTS */
export function checkTextCount({ limits }: Embedder, texts: number): void {
  if (texts > limits.maxTextsPerCall) throw fail('E_TOO_MANY_TEXTS', { texts, limit: limits.maxTextsPerCall });
}

/** For answers that have no place for partial failures: the first one fails the whole call. */
export function refusePartialFailure({ errors }: EmbedResult): void {
  const [failure] = errors;
  if (failure !== undefined) throw new EmbedqError(failure.code, failure.message, { ...failure });
}
