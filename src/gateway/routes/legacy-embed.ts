// POST /embed: the older call, {inputs} -> {vectors}, with the rt profile's first default model.

import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { legacyEmbedRequestSchema } from '../../contracts/wire.js';
import { type JsonPart, jsonBody } from '../vector-json.js';
import { embedForRequest, type RouteContext, refusePartialFailure } from './context.js';

export function registerLegacyEmbedRoute(app: FastifyInstance, context: RouteContext): void {
  const route = app.withTypeProvider<ZodTypeProvider>();
  route.post('/embed', { schema: { body: legacyEmbedRequestSchema } }, async (request, reply) => {
    const { inputs } = request.body;
    const texts = typeof inputs === 'string' ? [inputs] : inputs;
    const models = context.embedder.defaultModels.rt.slice(0, 1);
    const result = await embedForRequest(context, request, reply, texts, { profile: 'rt', models });
    refusePartialFailure(result);
    return reply.type('application/json; charset=utf-8').send(jsonBody(answerParts(result.vectors)));
  });
}

function* answerParts(vectors: readonly Float32Array[]): Generator<JsonPart> {
  yield '{"vectors":[';
  for (const [index, vector] of vectors.entries()) {
    if (index > 0) yield ',';
    yield { vector, encoding: 'float' };
  }
  yield ']}';
}
