// `embedTexts`: checks a request, asks every model it names, and joins the answers. It knows backends only, so the
// same code serves one process and many.
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ModelAnswer, ModelBackend, PromptChoice } from '../contracts/backend.js';
import type { EmbedInput, EmbedOptions, EmbedResult, ModelFailure, ModelResult } from '../contracts/embedding.js';
import type { Profile } from '../contracts/lane.js';
import { type EmbedqError, fail, toEmbedqError, withTextOffset } from '../errors.js';
import { checkRequest } from './check-request.js';
import { findModel } from './model-name.js';

export interface EmbedTextsSettings {
  readonly backends: readonly ModelBackend[];
  /** Aliases for calls that name no model. */
  readonly defaultModels: Readonly<Record<Profile, readonly string[]>>;
  /** UTF-16 units, or token ids, of one text. */
  readonly maxTextCharacters: number;
  /** Texts of one part; a call with more is computed in parts. */
  readonly maxTextsPerPart: number;
  /** Parts of one call that may be under way at once: enough to keep length buckets full, within the queue's bound. */
  readonly maxPartsInFlight: number;
}

/**
 * Embeds texts with each of the models asked for.
 * @throws an EmbedqError where the request is wrong or no model could answer
 */
export async function embedTexts(
  settings: EmbedTextsSettings,
  texts: readonly EmbedInput[],
  options: EmbedOptions,
): Promise<EmbedResult> {
  checkRequest(texts, options, settings.maxTextCharacters);
  const profile = options.profile ?? 'rt';
  const requestId = options.requestId ?? randomUUID();
  const names = options.models ?? settings.defaultModels[profile];
  // Many calls may share one signal; each listens only while it runs, so there is no leak to warn of.
  if (options.signal !== undefined) setMaxListeners(0, options.signal);
  const deadlineAtMs = options.timeoutMs === undefined ? null : performance.now() + options.timeoutMs;
  const infos = settings.backends.map(({ info }) => info);

  const askModel = async (name: string): Promise<ModelOutcome> => {
    const startedAtMs = performance.now();
    try {
      const found = findModel(name, infos);
      const backend = settings.backends.find(({ info }) => info.alias === found.alias);
      if (backend === undefined) throw fail('E_MODEL_UNKNOWN', { model: name, known: infos.map(({ alias }) => alias) });
      const answer = await embedInParts(backend, texts, settings, {
        requestId,
        lane: profile,
        prompt: choosePrompt(found.promptName, options),
        truncate: options.truncate ?? true,
        dimensions: options.dimensions ?? null,
        deadlineAtMs,
        signal: options.signal ?? null,
        tenantId: options.tenantId ?? null,
      });
      return { name, ...splitAnswer(name, backend, answer, performance.now() - startedAtMs) };
    } catch (error) {
      return {
        name,
        result: null,
        failures: [describeFailure(name, toEmbedqError(error))],
        error: toEmbedqError(error),
      };
    }
  };

  const outcomes = await Promise.all(names.map(askModel));
  const modelResults = outcomes.flatMap(({ result }) => result ?? []);
  const first = modelResults[0];
  if (first === undefined) throw joinErrors(outcomes);
  return {
    requestId,
    usedProfile: profile,
    modelResults,
    errors: outcomes.flatMap(({ failures }) => failures),
    // The first model's, even where it failed and a later one answered: then there is nothing to return here.
    vectors: outcomes[0]?.result?.vectors ?? [],
  };
}

interface ModelOutcome {
  readonly name: string;
  readonly result: ModelResult | null;
  readonly failures: readonly ModelFailure[];
  readonly error?: EmbedqError;
}

type PartCall = Omit<Parameters<ModelBackend['embed']>[0], 'texts'>;

/** Cuts a call that is larger than one part, keeps a few parts under way, and joins the answers in order. */
async function embedInParts(
  backend: ModelBackend,
  texts: readonly EmbedInput[],
  { maxTextsPerPart, maxPartsInFlight }: EmbedTextsSettings,
  call: PartCall,
): Promise<ModelAnswer> {
  if (texts.length <= maxTextsPerPart) return backend.embed({ ...call, texts });
  // One part that fails ends the others: the caller will see that failure only.
  const stop = new AbortController();
  const signal = call.signal === null ? stop.signal : AbortSignal.any([stop.signal, call.signal]);
  const starts = Array.from({ length: Math.ceil(texts.length / maxTextsPerPart) }, (_, part) => part * maxTextsPerPart);
  const answers: ModelAnswer[] = new Array(starts.length);
  let nextPart = 0;
  const takeParts = async () => {
    for (let part = nextPart++; part < starts.length; part = nextPart++) {
      const start = starts[part] ?? 0;
      const own = texts.slice(start, start + maxTextsPerPart);
      answers[part] = await backend.embed({ ...call, signal, texts: own }).catch((error: unknown) => {
        throw withTextOffset(toEmbedqError(error), start);
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(maxPartsInFlight, starts.length) }, takeParts));
  } catch (error) {
    stop.abort();
    throw error;
  }
  return joinParts(answers, starts);
}

function joinParts(answers: readonly ModelAnswer[], starts: readonly number[]): ModelAnswer {
  return {
    dim: answers[0]?.dim ?? 0,
    promptName: answers[0]?.promptName ?? null,
    vectors: answers.flatMap(({ vectors }) => vectors),
    tokens: answers.reduce((sum, { tokens }) => sum + tokens, 0),
    truncated: answers.reduce((sum, { truncated }) => sum + truncated, 0),
    failedTexts: answers.flatMap(({ failedTexts }, part) =>
      failedTexts.map((failed) => ({ ...failed, index: failed.index + (starts[part] ?? 0) })),
    ),
    warnings: answers[0]?.warnings ?? [],
  };
}

function choosePrompt(fromName: string | null, options: EmbedOptions): PromptChoice {
  if (options.prompt !== undefined) return { kind: 'text', text: options.prompt };
  const name = options.promptName ?? fromName;
  return name === null ? { kind: 'default' } : { kind: 'named', name };
}

function splitAnswer(
  model: string,
  { info }: ModelBackend,
  answer: ModelAnswer,
  durationMs: number,
): Pick<ModelOutcome, 'result' | 'failures'> {
  const { failedTexts, ...rest } = answer;
  const result: ModelResult = {
    model,
    ...rest,
    fingerprint: info.fingerprint,
    variant: info.variant,
    durationMs,
  };
  if (failedTexts.length === 0) return { result, failures: [] };
  const failure: ModelFailure = {
    model,
    code: 'E_TEXT_POISON',
    message: failedTexts.map((failed) => fail('E_TEXT_POISON', { ...failed }).message).join(' '),
    retryable: false,
    textIndexes: failedTexts.map(({ index }) => index),
  };
  return { result, failures: [failure] };
}

function describeFailure(model: string, error: EmbedqError): ModelFailure {
  const { code, message, retryable, retryAfterMs } = error;
  return { model, code, message, retryable, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

/** With one model its own error; with several one that lists all. */
function joinErrors(outcomes: readonly ModelOutcome[]): EmbedqError {
  const [only, ...others] = outcomes.flatMap(({ error }) => error ?? []);
  if (only !== undefined && others.length === 0) return only;
  const failures = outcomes.flatMap((outcome) =>
    outcome.failures.map(({ code, message }) => `${outcome.name}: ${code} ${message}`),
  );
  return fail('E_ALL_MODELS_FAILED', { failures }, { cause: only });
}
