// The wire's JSON: what requests may hold, what answers look like, and the one place that translates between the
// wire's snake_case and the camelCase of the other contracts. Vectors are left out: they are written as a stream.
import { z } from 'zod';
import type { EmbedOptions, EmbedResult, ModelFailure, ModelResult } from './embedding.js';
import { LANES } from './lane.js';
import type { ModelInfo } from './model.js';

/** The longest a caller may ask embedq to work on one call: a day, in milliseconds. */
const MAX_TIMEOUT_MS = 86_400_000;
const MAX_MODELS_PER_CALL = 64;
const MAX_NAME_LENGTH = 512;

const isString = (value: unknown): value is string => typeof value === 'string';

/**
 * A list of strings that stops at the first wrong item: zod's own array reports every one, and a body of 8 MiB
 * holds millions.
 */
function stringList(maxItems: number | null) {
  return z.unknown().transform((value, context): readonly string[] => {
    const problem = stringListProblem(value, maxItems);
    if (problem !== null) {
      context.issues.push({ code: 'custom', input: value, ...problem });
      return z.NEVER;
    }
    // stringListProblem found nothing, so it is one.
    return value as readonly string[];
  });
}

function stringListProblem(value: unknown, maxItems: number | null): { message: string; path?: number[] } | null {
  if (value === undefined) return { message: 'is required' };
  if (!Array.isArray(value)) return { message: `must be a list of strings, is ${jsonTypeName(value)}` };
  if (value.length === 0) return { message: 'is an empty list; give at least one string' };
  if (maxItems !== null && value.length > maxItems) return { message: `has ${value.length} items, limit ${maxItems}` };
  const wrong = value.findIndex((item) => !isString(item));
  return wrong < 0 ? null : { message: `must be a string, is ${jsonTypeName(value[wrong])}`, path: [wrong] };
}

/** A JSON value's type, in words for a message. */
export function jsonTypeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const optionalName = z.string().min(1).max(MAX_NAME_LENGTH).nullish();

export const profileSchema = z.enum(LANES);
export const encodingFormatSchema = z.enum(['float', 'base64']);
export const dimensionsSchema = z.int().min(1);

/** `POST /v1/embed`. A field that may be left out may also be null. */
export const embedRequestSchema = z.strictObject({
  texts: stringList(null),
  profile: profileSchema.nullish(),
  models: z.union([z.null(), stringList(MAX_MODELS_PER_CALL)]).optional(),
  dimensions: dimensionsSchema.nullish(),
  prompt_name: optionalName,
  prompt: z.string().nullish(),
  truncate: z.boolean().nullish(),
  timeout_ms: z.number().positive().max(MAX_TIMEOUT_MS).nullish(),
  tenant_id: optionalName,
  idempotency_key: optionalName,
  encoding_format: encodingFormatSchema.nullish(),
});

export type EmbedRequest = z.output<typeof embedRequestSchema>;

/** `POST /embed`, the older route. */
export const legacyEmbedRequestSchema = z.strictObject({
  inputs: z.union([z.string(), stringList(null)]),
});

/** What the caller asked for, less the texts and how vectors are to be written. */
export function toEmbedOptions(body: EmbedRequest): EmbedOptions {
  return {
    ...(body.profile == null ? {} : { profile: body.profile }),
    ...(body.models == null ? {} : { models: body.models }),
    ...(body.dimensions == null ? {} : { dimensions: body.dimensions }),
    ...(body.prompt_name == null ? {} : { promptName: body.prompt_name }),
    ...(body.prompt == null ? {} : { prompt: body.prompt }),
    ...(body.truncate == null ? {} : { truncate: body.truncate }),
    ...(body.timeout_ms == null ? {} : { timeoutMs: body.timeout_ms }),
    ...(body.tenant_id == null ? {} : { tenantId: body.tenant_id }),
    ...(body.idempotency_key == null ? {} : { idempotencyKey: body.idempotency_key }),
  };
}

/** A model's answer without its vectors. */
export function toWireModelResult(result: ModelResult) {
  return {
    model: result.model,
    dim: result.dim,
    fingerprint: result.fingerprint,
    variant: result.variant,
    prompt_name: result.promptName,
    truncated: result.truncated,
    tokens: result.tokens,
    warnings: result.warnings,
    duration_ms: roundMs(result.durationMs),
  };
}

export function toWireFailure(failure: ModelFailure) {
  return {
    model: failure.model,
    code: failure.code,
    message: failure.message,
    docs: errorDocs(failure.code),
    retryable: failure.retryable,
    ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(failure.retryAfterMs) }),
    ...(failure.textIndexes === undefined ? {} : { text_indexes: failure.textIndexes }),
  };
}

/** The head of an answer to `POST /v1/embed`; `model_results` follow it. */
export function toWireEmbedHead(result: EmbedResult) {
  return {
    request_id: result.requestId,
    used_profile: result.usedProfile,
    errors: result.errors.map(toWireFailure),
  };
}

/** A model as `GET /info` and `GET /v1/models` tell it. */
export function toWireModelInfo(info: ModelInfo) {
  return {
    model_id: info.modelId,
    revision: info.revision,
    dim: info.dim,
    max_seq: info.maxSeq,
    fingerprint: info.fingerprint,
    variant: info.variant,
    file: info.file,
    source: info.source,
    prompts: info.prompts,
    default_prompt_name: info.defaultPromptName,
    batch_invariant: info.batchInvariant,
    warnings: info.warnings,
  };
}

/** Where an error code is explained, as a path in the package. */
export function errorDocs(code: string): string {
  return `docs/reference/errors.md#${code.toLowerCase()}`;
}

/** Milliseconds as a person reads them: to the microsecond. */
export function roundMs(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}
