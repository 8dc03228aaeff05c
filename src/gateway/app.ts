// Builds the HTTP application over an embedder: no port, no signals, no environment. src/start/serve.ts gives it
// those.
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Embedder } from '../contracts/embedder.js';
import { type EmbedqError, fail } from '../errors.js';
import { ownErrorBody, sendError, toGatewayError } from './error-answer.js';
import { refuseCompressedBody, registerJsonBody } from './request-body.js';
import { registerRequestLog } from './request-facts.js';
import { requestIdOf } from './request-id.js';
import { methodsOf } from './route-table.js';
import type { RouteContext } from './routes/context.js';
import { registerEmbedRoute } from './routes/embed.js';
import { registerHealthRoutes } from './routes/health.js';
import { registerInfoRoute } from './routes/info.js';
import { registerLegacyEmbedRoute } from './routes/legacy-embed.js';
import { registerOpenAiEmbeddingsRoute } from './routes/openai-embeddings.js';
import { registerOpenAiModelsRoutes } from './routes/openai-models.js';
import { DEFAULT_TIMEOUTS, type GatewaySettings, MAX_CONNECTIONS, MAX_HEADER_BYTES } from './settings.js';
import { endSilentConnectionsOnClose } from './silent-connections.js';
import { registerValidation } from './validation.js';

export interface AppParts {
  readonly embedder: Embedder;
  readonly settings: GatewaySettings;
  /** A pino logger, or one that looks like it. */
  readonly logger: FastifyBaseLogger;
}

/** Closing the app stops accepting, answers what runs, and leaves the embedder to its owner. */
export function buildApp({ embedder, settings, logger }: AppParts): FastifyInstance {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...settings.timeouts };
  const { maxBodyBytes } = embedder.limits;
  const app = Fastify({
    loggerInstance: logger,
    // Its own line a request is registered below.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestIdOf,
    bodyLimit: maxBodyBytes,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // Calls that arrive while closing are answered by the hook below, in the dialect of their route.
    return503OnClosing: false,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: timeouts.headersMs,
      // How often Node looks for connections past their timeouts.
      connectionsCheckingInterval: Math.min(1_000, timeouts.headersMs),
    },
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      // Both are fastify's own, typed for a route that there is none of here.
      sendError(
        reply as FastifyReply,
        request as FastifyRequest,
        toGatewayError(error, request as FastifyRequest, maxBodyBytes),
      );
    },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.on('checkContinue', (request, response) => {
    // A client that asks first is told before it sends a body that is too large anyway.
    if (!(Number(request.headers['content-length']) > maxBodyBytes)) response.writeContinue();
    app.server.emit('request', request, response);
  });

  endSilentConnectionsOnClose(app);
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });

  registerRequestLog(app);
  registerJsonBody(app);
  registerValidation(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    boundUnreadBody(request, reply, timeouts.lingerMs);
    if (request.is404) throw noSuchRoute(request, reply);
    if (closing && request.method === 'POST') throw fail('E_CLOSED', {});
    refuseCompressedBody(request);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.setNotFoundHandler((request, reply) => sendError(reply, request, noSuchRoute(request, reply)));
  app.setErrorHandler((thrown, request, reply) => {
    const error = toGatewayError(thrown, request, maxBodyBytes);
    if (error.code === 'E_INTERNAL') request.log.error({ err: thrown }, 'internal error');
    return sendError(reply, request, error);
  });

  const context: RouteContext = { embedder, settings, startedAt: new Date(), isClosing: () => closing };
  registerOpenAiEmbeddingsRoute(app, context);
  registerOpenAiModelsRoutes(app, context);
  registerEmbedRoute(app, context);
  registerLegacyEmbedRoute(app, context);
  registerHealthRoutes(app, context);
  registerInfoRoute(app, context);
  return app;
}

function noSuchRoute(request: FastifyRequest, reply: FastifyReply): EmbedqError {
  const path = (request.url.split('?', 1)[0] ?? '').slice(0, 100);
  const allowed = methodsOf(request.url);
  if (allowed.length === 0) return fail('E_NOT_FOUND', { method: request.method, path });
  reply.header('allow', allowed.join(', '));
  return fail('E_METHOD_NOT_ALLOWED', { method: request.method, path, allowed });
}

/** After an early answer Node reads and drops the rest of the body; this ends it where that takes too long. */
function boundUnreadBody(request: FastifyRequest, reply: FastifyReply, lingerMs: number): void {
  reply.raw.once('finish', () => {
    const { raw } = request;
    if (raw.complete || raw.destroyed) return;
    raw.resume();
    const timer = setTimeout(() => raw.socket.destroy(), lingerMs);
    timer.unref();
    raw.once('close', () => clearTimeout(timer));
  });
}

/** Answers what is not even HTTP, or came too slowly, on the bare socket. */
function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const failure = brokenHttpError(error.code);
  const requestId = requestIdOf({ headers: {} });
  const body = JSON.stringify(ownErrorBody(failure, requestId));
  socket.end(
    `HTTP/1.1 ${failure.httpStatus} ${REASON[failure.httpStatus] ?? 'Bad Request'}\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `x-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

const REASON: Readonly<Record<number, string>> = {
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function brokenHttpError(code: string | undefined): EmbedqError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return fail('E_REQUEST_TIMEOUT', {});
  if (code === 'HPE_HEADER_OVERFLOW') return fail('E_HEADERS_TOO_LARGE', { limitBytes: MAX_HEADER_BYTES });
  return fail('E_INVALID_REQUEST', { problem: 'This is not a valid HTTP request.' });
}
