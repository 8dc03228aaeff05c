// POST /v1/embeddings as OpenAI's API has it, with one extension: `profile` (or the header x-embedq-profile),
// because OpenAI's call has no word for "no hurry".

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { EmbedResult } from '../../contracts/embedding.js';
import type { Profile } from '../../contracts/lane.js';
import { dimensionsSchema, encodingFormatSchema, profileSchema } from '../../contracts/wire.js';
import { fail } from '../../errors.js';
import { countInputs, openAiInputSchema, resolveInput } from '../openai-input.js';
import { factsOf } from '../request-facts.js';
import { type JsonPart, jsonBody, type VectorEncoding } from '../vector-json.js';
import { checkTextCount, embedForRequest, type RouteContext, refusePartialFailure } from './context.js';

const MAX_MODEL_NAME_LENGTH = 512;

const requestSchema = z.strictObject({
  model: z.string().min(1).max(MAX_MODEL_NAME_LENGTH),
  input: openAiInputSchema,
  encoding_format: encodingFormatSchema.nullish(),
  dimensions: dimensionsSchema.nullish(),
  /** OpenAI's name for an end user; taken for the tenant. */
  user: z.string().max(MAX_MODEL_NAME_LENGTH).nullish(),
  profile: profileSchema.nullish(),
});

export function registerOpenAiEmbeddingsRoute(app: FastifyInstance, context: RouteContext): void {
  const route = app.withTypeProvider<ZodTypeProvider>();
  route.post('/v1/embeddings', { schema: { body: requestSchema } }, async (request, reply) => {
    const { model, input, encoding_format, dimensions, user, profile } = request.body;
    checkTextCount(context.embedder, countInputs(input));
    const texts = await resolveInput(input, context.settings.openaiTokenIds);
    factsOf(request).texts = texts.length;
    const result = await embedForRequest(context, request, reply, texts, {
      models: [model],
      profile: profile ?? profileFromHeader(request),
      ...(dimensions == null ? {} : { dimensions }),
      ...(user == null ? {} : { tenantId: user }),
    });
    refusePartialFailure(result);
    return reply
      .type('application/json; charset=utf-8')
      .send(jsonBody(answerParts(model, result, encoding_format ?? 'float')));
  });
}

function profileFromHeader(request: FastifyRequest): Profile {
  const header = request.headers['x-embedq-profile'];
  if (header === undefined) return 'rt';
  const profile = profileSchema.safeParse(header);
  if (profile.success) return profile.data;
  throw fail('E_INVALID_REQUEST', {
    param: 'x-embedq-profile',
    problem: `must be ${profileSchema.options.join(' or ')}`,
  });
}

function* answerParts(model: string, result: EmbedResult, encoding: VectorEncoding): Generator<JsonPart> {
  yield '{"object":"list","data":[';
  for (const [index, vector] of result.vectors.entries()) {
    yield `${index > 0 ? ',' : ''}{"object":"embedding","index":${index},"embedding":`;
    yield { vector, encoding };
    yield '}';
  }
  const tokens = result.modelResults[0]?.tokens ?? 0;
  yield `],"model":${JSON.stringify(model)},"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`;
}
