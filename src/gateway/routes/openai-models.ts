// GET /v1/models and /v1/models/<alias or model id>, in OpenAI's shape with what embedq knows beside it.
import type { FastifyInstance } from 'fastify';
import type { ModelInfo } from '../../contracts/model.js';
import { toWireModelInfo } from '../../contracts/wire.js';
import { fail } from '../../errors.js';
import type { RouteContext } from './context.js';

export function registerOpenAiModelsRoutes(app: FastifyInstance, { embedder, startedAt }: RouteContext): void {
  const created = Math.floor(startedAt.getTime() / 1000);
  const describe = (info: ModelInfo) => ({
    id: info.alias,
    object: 'model',
    created,
    owned_by: 'embedq',
    ...toWireModelInfo(info),
  });

  app.get('/v1/models', async () => ({ object: 'list', data: embedder.models.map(describe) }));

  // A wildcard, because model ids hold slashes and not every client escapes them.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    const name = request.params['*'];
    const { models } = embedder;
    const found = models.find(({ alias }) => alias === name) ?? models.find(({ modelId }) => modelId === name);
    if (found !== undefined) return describe(found);
    throw fail('E_MODEL_UNKNOWN', { model: name.slice(0, 100), known: models.map(({ alias }) => alias) });
  });
}
