// What is known about a request while it runs, and the one log line that is written when its connection is done
// with it. Texts never reach the log.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { roundMs } from '../contracts/wire.js';
import type { ErrorCode } from '../errors.js';

export interface RequestFacts {
  readonly startedAtMs: number;
  texts: number | null;
  tokens: number | null;
  models: readonly string[] | null;
  errorCode: ErrorCode | null;
}

/** What nginx logs for a client that went away before its answer. */
const CLIENT_WENT_AWAY = 499;
const MAX_LOGGED_PATH = 120;

const facts = new WeakMap<FastifyRequest, RequestFacts>();

export function factsOf(request: FastifyRequest): RequestFacts {
  let found = facts.get(request);
  if (found === undefined) {
    found = { startedAtMs: performance.now(), texts: null, tokens: null, models: null, errorCode: null };
    facts.set(request, found);
  }
  return found;
}

/** Logs every request once, also those whose client went away (fastify's onResponse does not run for them). */
export function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    factsOf(request);
    reply.raw.once('close', () => logRequest(request, reply));
    done();
  });
}

function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { startedAtMs, texts, tokens, models, errorCode } = factsOf(request);
  const status = reply.raw.writableFinished ? reply.raw.statusCode : CLIENT_WENT_AWAY;
  const path = (request.url.split('?', 1)[0] ?? '').slice(0, MAX_LOGGED_PATH);
  const line = {
    method: request.method,
    path,
    status,
    duration_ms: roundMs(performance.now() - startedAtMs),
    ...(texts === null ? {} : { texts }),
    ...(tokens === null ? {} : { tokens }),
    ...(models === null ? {} : { models }),
    ...(errorCode === null ? {} : { code: errorCode }),
  };
  if (status >= 500) request.log.error(line, 'request');
  else if (path.startsWith('/health')) request.log.debug(line, 'request');
  else request.log.info(line, 'request');
}
