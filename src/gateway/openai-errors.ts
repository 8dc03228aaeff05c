// Errors as OpenAI's API words them, so that its clients raise their own exception classes (404 NotFoundError,
// 400 BadRequestError, 429 RateLimitError). Source: the `Error` schema of OpenAI's OpenAPI description and what
// its service answers.
import type { EmbedqError, ErrorCode } from '../errors.js';

interface OpenAiWording {
  /** Where OpenAI's own status differs from the registry's. */
  readonly status?: number;
  readonly type?: string;
  readonly code?: string;
  readonly param?: string;
}

const WORDING: Partial<Record<ErrorCode, OpenAiWording>> = {
  E_MODEL_UNKNOWN: { code: 'model_not_found', param: 'model' },
  E_PROMPT_UNKNOWN: { code: 'prompt_not_found', param: 'model' },
  E_DIMENSIONS_INVALID: { code: 'invalid_dimensions', param: 'dimensions' },
  E_TOO_MANY_TEXTS: { status: 400, code: 'array_above_max_length', param: 'input' },
  E_TEXT_TOO_LARGE: { status: 400, code: 'string_above_max_length', param: 'input' },
  E_TEXT_TOO_LONG: { status: 400, code: 'context_length_exceeded', param: 'input' },
  E_TEXT_POISON: { code: 'text_not_computable', param: 'input' },
  E_TOKEN_IDS_REFUSED: { code: 'token_ids_refused', param: 'input' },
  E_TOKEN_ID_UNKNOWN: { code: 'token_id_unknown', param: 'input' },
  E_MALFORMED_JSON: { code: 'malformed_json' },
  E_BODY_TOO_LARGE: { code: 'body_too_large' },
  E_UNSUPPORTED_MEDIA_TYPE: { code: 'unsupported_media_type' },
  E_NOT_FOUND: { code: 'unknown_url' },
  E_METHOD_NOT_ALLOWED: { code: 'method_not_supported' },
  E_OVERLOADED: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  E_DEADLINE_EXCEEDED: { code: 'timeout' },
  E_CLOSED: { code: 'shutting_down' },
};

/** OpenAI's routes live under /v1/; of ours only /v1/embed does. */
export function isOpenAiPath(url: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  return path.startsWith('/v1/') && path !== '/v1/embed';
}

export function openAiStatus(error: EmbedqError): number {
  return WORDING[error.code]?.status ?? error.httpStatus;
}

export function openAiErrorBody(error: EmbedqError) {
  const wording = WORDING[error.code] ?? {};
  const { param } = error.details;
  // The body has no field for advice, and without it nobody would know how to go on from this one.
  const message = error.code === 'E_TOKEN_IDS_REFUSED' ? `${error.message} ${error.advice}` : error.message;
  return {
    error: {
      message,
      type: wording.type ?? (openAiStatus(error) >= 500 ? 'server_error' : 'invalid_request_error'),
      param: typeof param === 'string' ? param : (wording.param ?? null),
      code: wording.code ?? null,
    },
  };
}
