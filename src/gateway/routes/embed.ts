// POST /v1/embed: the service's own call. Several models, both profiles, partial answers.

import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { EmbedResult } from '../../contracts/embedding.js';
import { embedRequestSchema, toEmbedOptions, toWireEmbedHead, toWireModelResult } from '../../contracts/wire.js';
import { type JsonPart, jsonBody, type VectorEncoding } from '../vector-json.js';
import { embedForRequest, type RouteContext } from './context.js';

export function registerEmbedRoute(app: FastifyInstance, context: RouteContext): void {
  const route = app.withTypeProvider<ZodTypeProvider>();
  route.post('/v1/embed', { schema: { body: embedRequestSchema } }, async (request, reply) => {
    const { body } = request;
    const result = await embedForRequest(context, request, reply, body.texts, toEmbedOptions(body));
    return reply
      .type('application/json; charset=utf-8')
      .send(jsonBody(answerParts(result, body.encoding_format ?? 'float')));
  });
}

function* answerParts(result: EmbedResult, encoding: VectorEncoding): Generator<JsonPart> {
  yield `${openObject(toWireEmbedHead(result))},"model_results":[`;
  for (const [index, modelResult] of result.modelResults.entries()) {
    yield `${index > 0 ? ',' : ''}${openObject(toWireModelResult(modelResult))},"vectors":[`;
    for (const [position, vector] of modelResult.vectors.entries()) {
      if (position > 0) yield ',';
      // An empty vector stands for a text that failed alone.
      yield vector.length === 0 ? 'null' : { vector, encoding };
    }
    yield ']}';
  }
  yield ']}';
}

/** An object's JSON without its closing brace, for fields that follow. The object must not be empty. */
function openObject(value: object): string {
  return JSON.stringify(value).slice(0, -1);
}
