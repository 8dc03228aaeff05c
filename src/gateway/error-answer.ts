// Turns whatever a request failed with into one answer, in the dialect of the route that was asked: the service's
// own {code, message, docs, request_id}, or OpenAI's {error: {message, type, param, code}}.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { errorDocs } from '../contracts/wire.js';
import { EmbedqError, fail } from '../errors.js';
import { isOpenAiPath, openAiErrorBody, openAiStatus } from './openai-errors.js';
import { factsOf } from './request-facts.js';

/** Answers a failed request. */
export function sendError(reply: FastifyReply, request: FastifyRequest, error: EmbedqError): FastifyReply {
  factsOf(request).errorCode = error.code;
  const openAi = isOpenAiPath(request.url);
  // Fastify closes the connection where a body was wrong; keeping it lets the client read the answer before it has
  // sent everything. What it still sends is bounded by the linger timeout.
  reply.removeHeader('connection');
  if (error.retryAfterMs !== null) {
    // The seconds are what HTTP defines; the milliseconds are what OpenAI's clients look at first.
    reply.header('retry-after', Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
    reply.header('retry-after-ms', Math.ceil(error.retryAfterMs));
  }
  // OpenAI's clients repeat every 5xx unless they are told.
  if (openAi) reply.header('x-should-retry', String(error.retryable));
  const body = openAi ? openAiErrorBody(error) : ownErrorBody(error, request.id);
  return reply
    .code(openAi ? openAiStatus(error) : error.httpStatus)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

export function ownErrorBody(error: EmbedqError, requestId: string) {
  return { code: error.code, message: error.message, docs: errorDocs(error.code), request_id: requestId };
}

/** What fastify or a route threw, as an error of the registry. `maxBodyBytes` is the limit in force. */
export function toGatewayError(thrown: unknown, request: FastifyRequest, maxBodyBytes: number): EmbedqError {
  if (thrown instanceof EmbedqError) return thrown;
  if (!(thrown instanceof Error)) return fail('E_INTERNAL', { problem: String(thrown) });
  const { code, statusCode } = thrown as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fail('E_UNSUPPORTED_MEDIA_TYPE', { contentType: (request.headers['content-type'] ?? '').slice(0, 100) });
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const bytes = Number(request.headers['content-length']);
      return fail('E_BODY_TOO_LARGE', { limitBytes: maxBodyBytes, ...(Number.isFinite(bytes) ? { bytes } : {}) });
    }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return fail('E_INVALID_REQUEST', { problem: 'The body is not as long as Content-Length says.' });
    case 'ECONNRESET':
      return fail('E_CANCELLED', { texts: 0 }, { cause: thrown });
    default:
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
        return fail('E_INVALID_REQUEST', { problem: thrown.message.slice(0, 200) }, { cause: thrown });
      }
      return fail('E_INTERNAL', { problem: thrown.message }, { cause: thrown });
  }
}
