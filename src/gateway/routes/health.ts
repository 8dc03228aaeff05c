// GET /health for people and load balancers, /health/live for "is the process alive", /health/ready for "can it
// answer". The port opens only after every model's golden probes came out right, so a refused connection means
// "not ready yet".
import type { FastifyInstance } from 'fastify';
import type { BackendStatus, LaneStatus } from '../../contracts/backend.js';
import { roundMs } from '../../contracts/wire.js';
import type { RouteContext } from './context.js';

type Health = 'ok' | 'degraded' | 'down' | 'closing';

export function registerHealthRoutes(app: FastifyInstance, context: RouteContext): void {
  const healthNow = (): { health: Health; models: readonly BackendStatus[] } => {
    const models = context.embedder.status();
    return { health: context.isClosing() ? 'closing' : joinHealth(models), models };
  };

  app.get('/health', async (_request, reply) => {
    const { health, models } = healthNow();
    return reply.code(statusOf(health)).send({
      status: health,
      version: context.settings.version,
      uptime_s: Math.round((Date.now() - context.startedAt.getTime()) / 1000),
      models: models.map(toWireStatus),
    });
  });
  app.get('/health/live', async () => ({ status: 'ok' }));
  app.get('/health/ready', async (_request, reply) => {
    const { health } = healthNow();
    return reply.code(statusOf(health)).send({ status: health });
  });
}

/** `down` only where no model can answer: one broken model must not take the others out of service. */
function joinHealth(models: readonly BackendStatus[]): Health {
  if (models.every(({ state }) => state === 'down')) return 'down';
  return models.every(({ state }) => state === 'ready') ? 'ok' : 'degraded';
}

function statusOf(health: Health): number {
  return health === 'ok' || health === 'degraded' ? 200 : 503;
}

function toWireStatus(status: BackendStatus) {
  const { lastBatch } = status;
  return {
    alias: status.alias,
    state: status.state,
    reason: status.reason,
    mode: status.mode,
    lanes: { rt: toWireLane(status.lanes.rt), bulk: toWireLane(status.lanes.bulk) },
    child_restarts: status.childRestarts,
    last_batch:
      lastBatch === null
        ? null
        : {
            lane: lastBatch.lane,
            texts: lastBatch.texts,
            tokens: lastBatch.tokens,
            duration_ms: roundMs(lastBatch.durationMs),
            ended_at: lastBatch.endedAt,
          },
  };
}

function toWireLane(lane: LaneStatus) {
  return {
    waiting_texts: lane.waitingTexts,
    waiting_tokens: lane.waitingTokens,
    running_batches: lane.runningBatches,
    ready_children: lane.readyChildren,
  };
}
