// GET /info: what is served, and the limits really in force.
import type { FastifyInstance } from 'fastify';
import { toWireModelInfo } from '../../contracts/wire.js';
import { ROUTES } from '../route-table.js';
import type { RouteContext } from './context.js';

export function registerInfoRoute(app: FastifyInstance, { embedder, settings }: RouteContext): void {
  const { limits } = embedder;
  app.get('/info', async () => ({
    service: 'embedq',
    version: settings.version,
    models: embedder.models.map((info) => ({ alias: info.alias, ...toWireModelInfo(info) })),
    default_models: embedder.defaultModels,
    limits: {
      max_texts_per_call: limits.maxTextsPerCall,
      max_text_characters: limits.maxTextCharacters,
      max_body_bytes: limits.maxBodyBytes,
      max_batch_tokens_rt: limits.maxBatchTokensRt,
      max_batch_tokens_bulk: limits.maxBatchTokensBulk,
      max_queued_texts: limits.maxQueuedTexts,
      max_queued_tokens: limits.maxQueuedTokens,
    },
    openai_token_ids: settings.openaiTokenIds,
    routes: ROUTES.map(({ method, path }) => `${method} ${path}`),
  }));
}
