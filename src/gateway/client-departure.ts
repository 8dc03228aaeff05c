// Cancels a request's work when its client goes away.
import type { FastifyReply } from 'fastify';

/**
 * A signal that is aborted when the connection closes before the answer was written. It watches the response:
 * the request's own `close` also fires when a body has simply been read to its end.
 */
export function abortOnDeparture(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.destroyed) controller.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
