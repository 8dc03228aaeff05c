// A deterministic embedder without a model, for tests of whatever is built on one: vectors come from a hash of the
// text, tokens are words. It keeps the contract of src/contracts/embedder.ts, its errors included.
import { createHash, randomUUID } from 'node:crypto';
import { findModel } from '../../client/model-name.js';
import type { BackendStatus } from '../../contracts/backend.js';
import type { Embedder, ServiceLimits } from '../../contracts/embedder.js';
import type { EmbedInput, EmbedOptions, EmbedResult, ModelFailure, ModelResult } from '../../contracts/embedding.js';
import type { ModelInfo } from '../../contracts/model.js';
import { type EmbedqError, fail, toEmbedqError } from '../../errors.js';

export interface FakeEmbedderSettings {
  /** Default: `fake` (64 floats, prompts `query` and `passage`, max_seq 16) and `other` (8 floats). */
  readonly models?: readonly ModelInfo[];
  readonly limits?: Partial<ServiceLimits>;
  /** Runs before each answer: to wait, to look at the call, or to throw. */
  readonly beforeAnswer?: (texts: readonly EmbedInput[], options: EmbedOptions) => Promise<void> | void;
  /** A text that holds this fails alone, with E_TEXT_POISON. Default: `POISON`. */
  readonly poison?: string;
  /** Told instead of "all models are ready". */
  readonly states?: Readonly<Record<string, BackendStatus['state']>>;
}

export interface FakeEmbedder extends Embedder {
  /** How often close() was called. */
  readonly closed: number;
}

/** Token ids from here on are not in the fake vocabulary. */
const VOCABULARY_SIZE = 30_000;
const SPECIAL_TOKENS = 2;

export function fakeModel(values: Partial<ModelInfo> = {}): ModelInfo {
  return {
    alias: 'fake',
    modelId: 'example/fake-model',
    revision: 'default',
    dim: 64,
    maxSeq: 16,
    fingerprint: '00000000000fa4e0',
    variant: 'fp32',
    file: 'onnx/model.onnx',
    source: 'folder',
    prompts: { query: 'query: ', passage: 'passage: ' },
    defaultPromptName: null,
    batchInvariant: true,
    warnings: [],
    ...values,
  };
}

export function createFakeEmbedder(settings: FakeEmbedderSettings = {}): FakeEmbedder {
  const models = settings.models ?? [
    fakeModel(),
    fakeModel({ alias: 'other', modelId: 'example/other-model', dim: 8, prompts: {}, fingerprint: '00000000000fa4e1' }),
  ];
  const defaults = models.slice(0, 1).map(({ alias }) => alias);
  const limits: ServiceLimits = {
    maxTextsPerCall: 2048,
    maxTextCharacters: 262_144,
    maxBodyBytes: 8_388_608,
    maxBatchTokensRt: 4096,
    maxBatchTokensBulk: 16_384,
    maxQueuedTexts: 65_536,
    maxQueuedTokens: 8_388_608,
    ...settings.limits,
  };
  let closed = 0;
  return {
    models,
    defaultModels: { rt: defaults, bulk: defaults },
    limits,
    get closed() {
      return closed;
    },
    async embedTexts(texts, options = {}) {
      if (closed > 0) throw fail('E_CLOSED', {});
      await settings.beforeAnswer?.(texts, options);
      if (options.signal?.aborted) throw fail('E_CANCELLED', { texts: texts.length });
      const large = texts.findIndex((text) => text.length > limits.maxTextCharacters);
      const characters = texts[large]?.length;
      if (characters !== undefined) {
        throw fail('E_TEXT_TOO_LARGE', { index: large, characters, limit: limits.maxTextCharacters });
      }
      return answer(models, options.models ?? defaults, texts, options, settings.poison ?? 'POISON');
    },
    status: () => models.map(({ alias }) => fakeStatus(alias, settings.states?.[alias] ?? 'ready')),
    async close() {
      closed++;
    },
  };
}

function answer(
  models: readonly ModelInfo[],
  names: readonly string[],
  texts: readonly EmbedInput[],
  options: EmbedOptions,
  poison: string,
): EmbedResult {
  const modelResults: ModelResult[] = [];
  const errors: ModelFailure[] = [];
  const thrown: EmbedqError[] = [];
  for (const model of names) {
    try {
      const { result, failedIndexes } = embedWith(models, model, texts, options, poison);
      modelResults.push(result);
      const [index] = failedIndexes;
      if (index === undefined) continue;
      const { code, message, retryable } = fail('E_TEXT_POISON', { index, attempts: 3 });
      errors.push({ model, code, message, retryable, textIndexes: failedIndexes });
    } catch (error) {
      const { code, message, retryable } = toEmbedqError(error);
      errors.push({ model, code, message, retryable });
      thrown.push(toEmbedqError(error));
    }
  }
  const [first] = modelResults;
  if (first === undefined) throw thrown[0] ?? fail('E_ALL_MODELS_FAILED', { failures: [] });
  return {
    requestId: options.requestId ?? randomUUID(),
    usedProfile: options.profile ?? 'rt',
    modelResults,
    errors,
    vectors: first.vectors,
  };
}

function embedWith(
  models: readonly ModelInfo[],
  name: string,
  texts: readonly EmbedInput[],
  options: EmbedOptions,
  poison: string,
): { result: ModelResult; failedIndexes: readonly number[] } {
  const { alias, promptName: namedPrompt } = findModel(name, models);
  const info = models.find((model) => model.alias === alias) ?? fakeModel();
  const promptName = namedPrompt ?? options.promptName ?? info.defaultPromptName;
  if (promptName !== null && !Object.hasOwn(info.prompts, promptName)) {
    throw fail('E_PROMPT_UNKNOWN', { model: alias, promptName, known: Object.keys(info.prompts) });
  }
  const dim = options.dimensions ?? info.dim;
  if (dim > info.dim) throw fail('E_DIMENSIONS_INVALID', { model: alias, dimensions: dim, dim: info.dim });
  const prompt = options.prompt ?? (promptName === null ? '' : (info.prompts[promptName] ?? ''));

  const counts = texts.map((text, index) => countTokens(text, prompt, index));
  if (options.truncate === false) {
    const index = counts.findIndex((count) => count > info.maxSeq);
    const tokens = counts[index];
    if (tokens !== undefined) throw fail('E_TEXT_TOO_LONG', { index, tokens, maxTokens: info.maxSeq });
  }
  const isPoison = (text: EmbedInput) => typeof text === 'string' && text.includes(poison);
  return {
    failedIndexes: texts.flatMap((text, index) => (isPoison(text) ? [index] : [])),
    result: {
      model: name,
      dim,
      fingerprint: info.fingerprint,
      variant: info.variant,
      promptName,
      vectors: texts.map((text) =>
        isPoison(text) ? new Float32Array(0) : fakeVector(`${prompt}${String(text)}`, dim),
      ),
      truncated: counts.filter((count) => count > info.maxSeq).length,
      tokens: counts.reduce((sum, count) => sum + Math.min(count, info.maxSeq), 0),
      warnings: info.warnings,
      durationMs: 0.5,
    },
  };
}

/** Words, or ids, plus the two special tokens that most models put around them. */
function countTokens(text: EmbedInput, prompt: string, index: number): number {
  if (typeof text === 'string') return `${prompt}${text}`.split(/\s+/).filter(Boolean).length + SPECIAL_TOKENS;
  const unknown = text.find((id) => id >= VOCABULARY_SIZE);
  if (unknown !== undefined)
    throw fail('E_TOKEN_ID_UNKNOWN', { index, tokenId: unknown, vocabulary: 'the fake model' });
  return text.length + SPECIAL_TOKENS;
}

/** The unit vector that the fake gives a text; the prompt stands before the text. */
export function fakeVector(text: string, dim: number): Float32Array {
  const vector = new Float32Array(dim);
  for (let start = 0; start < dim; start += 8) {
    const hash = createHash('sha256').update(`${start}:${text}`).digest();
    for (let index = start; index < Math.min(start + 8, dim); index++) {
      vector[index] = hash.readInt32LE((index - start) * 4) / 2 ** 31;
    }
  }
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

function fakeStatus(alias: string, state: BackendStatus['state']): BackendStatus {
  const lane = { waitingTexts: 0, waitingTokens: 0, runningBatches: 0, readyChildren: state === 'down' ? 0 : 1 };
  return {
    alias,
    state,
    reason: state === 'ready' ? null : 'the fake was told so',
    mode: 'pools',
    lanes: { rt: lane, bulk: lane },
    childRestarts: 0,
    lastBatch: null,
  };
}
