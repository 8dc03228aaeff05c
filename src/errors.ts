// The one registry of failures a caller can meet. Each code has an HTTP status, says whether trying again can
// help, builds its message from typed details (with the numbers in it) and advises what to do.
// docs/reference/errors.md is generated from here, and a test holds the two together.

interface Definition<Details> {
  readonly httpStatus: number;
  /** True: the same call can succeed later without being changed. */
  readonly retryable: boolean;
  readonly message: (details: Details) => string;
  readonly advice: string;
}

function define<Details>(definition: Definition<Details>): Definition<Details> {
  return definition;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function wasOrWere(n: number): string {
  return n === 1 ? 'was' : 'were';
}

export const ERRORS = {
  // ---- the request
  E_INVALID_REQUEST: define<{ problem: string; param?: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => (d.param ? `${d.param}: ${d.problem}` : d.problem),
    advice: 'Correct the field that the message names.',
  }),
  E_MALFORMED_JSON: define<{ problem: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => `The body is not valid JSON: ${d.problem}`,
    advice: 'Send one JSON object, encoded as UTF-8.',
  }),
  E_UNSUPPORTED_MEDIA_TYPE: define<{ contentType: string }>({
    httpStatus: 415,
    retryable: false,
    message: (d) => `Content type ${d.contentType || '(none)'} is not supported; send application/json.`,
    advice: 'Set the header Content-Type: application/json.',
  }),
  E_BODY_TOO_LARGE: define<{ limitBytes: number; bytes?: number }>({
    httpStatus: 413,
    retryable: false,
    message: (d) =>
      d.bytes === undefined
        ? `The body is larger than ${d.limitBytes} bytes, the limit.`
        : `The body has ${d.bytes} bytes, limit ${d.limitBytes}.`,
    advice: 'Send fewer texts a call, or raise EMB_MAX_BODY_BYTES.',
  }),
  E_TOO_MANY_TEXTS: define<{ texts: number; limit: number }>({
    httpStatus: 413,
    retryable: false,
    message: (d) => `${count(d.texts, 'text')} in one call, limit ${d.limit}.`,
    advice: 'Split the call, or raise EMB_MAX_TEXTS_PER_CALL.',
  }),
  E_TEXT_TOO_LARGE: define<{ index: number; characters: number; limit: number }>({
    httpStatus: 413,
    retryable: false,
    message: (d) => `Text ${d.index} has ${d.characters} characters, limit ${d.limit}.`,
    advice: 'Split the text, or raise EMB_MAX_TEXT_CHARACTERS.',
  }),
  E_TEXT_TOO_LONG: define<{ index: number; tokens: number; maxTokens: number }>({
    httpStatus: 413,
    retryable: false,
    message: (d) => `Text ${d.index} has ${d.tokens} tokens, limit ${d.maxTokens}.`,
    advice: 'Shorten or split the text, or allow truncation (truncate: true).',
  }),
  E_NOT_FOUND: define<{ method: string; path: string }>({
    httpStatus: 404,
    retryable: false,
    message: (d) => `There is no ${d.method} ${d.path}.`,
    advice: 'GET /info lists the routes.',
  }),
  E_METHOD_NOT_ALLOWED: define<{ method: string; path: string; allowed: readonly string[] }>({
    httpStatus: 405,
    retryable: false,
    message: (d) => `${d.path} does not take ${d.method}; it takes ${d.allowed.join(', ')}.`,
    advice: 'GET /info lists the routes.',
  }),
  E_REQUEST_TIMEOUT: define<Record<never, never>>({
    httpStatus: 408,
    retryable: true,
    message: () => 'The request did not arrive in time.',
    advice: 'Send the headers and the body without long pauses.',
  }),
  E_HEADERS_TOO_LARGE: define<{ limitBytes: number }>({
    httpStatus: 431,
    retryable: false,
    message: (d) => `The request line and headers are larger than ${d.limitBytes} bytes, the limit.`,
    advice: 'Send fewer or shorter headers.',
  }),
  E_MODEL_UNKNOWN: define<{ model: string; known: readonly string[] }>({
    httpStatus: 404,
    retryable: false,
    message: (d) => `Model "${d.model}" is not served here; served: ${d.known.join(', ') || 'none'}.`,
    advice: 'Use one of the aliases that the message lists, or add the model to EMB_MODELS.',
  }),
  E_PROMPT_UNKNOWN: define<{ model: string; promptName: string; known: readonly string[] }>({
    httpStatus: 400,
    retryable: false,
    message: (d) =>
      `Model "${d.model}" has no prompt "${d.promptName}"; it has ${d.known.length > 0 ? d.known.join(', ') : 'none'}.`,
    advice: 'Use a prompt name that the model has, or give the text of one as `prompt`.',
  }),
  E_DIMENSIONS_INVALID: define<{ model: string; dimensions: number; dim: number }>({
    httpStatus: 400,
    retryable: false,
    message: (d) =>
      `dimensions is ${d.dimensions}; model "${d.model}" has ${d.dim}, so 1 to ${d.dim} can be asked for.`,
    advice: "Ask for no more dimensions than the model's own.",
  }),
  E_TOKEN_IDS_REFUSED: define<Record<never, never>>({
    httpStatus: 400,
    retryable: false,
    message: () =>
      "The input holds token ids. They were probably made with OpenAI's tokenizer, which is not this model's: taken as the model's own they would give wrong vectors without any error.",
    advice:
      "Send texts (LangChain's Python client: OpenAIEmbeddings(check_embedding_ctx_length=False)), or set EMB_OPENAI_TOKEN_IDS to cl100k_base (decode them) or model (they are this model's ids).",
  }),
  E_TOKEN_ID_UNKNOWN: define<{ index: number; tokenId: number; vocabulary: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => `Text ${d.index} holds the token id ${d.tokenId}, which ${d.vocabulary} does not have.`,
    advice: 'Send texts, or ids of the vocabulary that EMB_OPENAI_TOKEN_IDS names.',
  }),
  E_CANCELLED: define<{ texts: number }>({
    httpStatus: 499,
    retryable: true,
    message: (d) => `The caller cancelled the call; ${count(d.texts, 'text')} ${wasOrWere(d.texts)} not computed.`,
    advice: 'Nothing to do: the caller asked for it.',
  }),
  E_DEADLINE_EXCEEDED: define<{ timeoutMs: number; texts: number; waiting: number }>({
    httpStatus: 504,
    retryable: true,
    message: (d) =>
      `Not answered within ${Math.max(1, Math.ceil(d.timeoutMs))} ms: ${d.waiting} of ${count(d.texts, 'text')} ${wasOrWere(d.waiting)} still to be computed.`,
    advice: 'Send fewer texts a call, allow more time, or use the bulk profile.',
  }),
  E_OVERLOADED: define<{
    lane: string;
    waitingTexts: number;
    limitTexts: number;
    waitingTokens: number;
    limitTokens: number;
    retryAfterMs: number;
  }>({
    httpStatus: 429,
    retryable: true,
    message: (d) =>
      `The ${d.lane} lane is full: ${d.waitingTexts} texts wait (limit ${d.limitTexts}), ${d.waitingTokens} tokens (limit ${d.limitTokens}). Try again in ${d.retryAfterMs} ms.`,
    advice: 'Wait as long as the answer says, then send the call again.',
  }),
  E_TEXT_POISON: define<{ index: number; attempts: number }>({
    httpStatus: 422,
    retryable: false,
    message: (d) =>
      `Text ${d.index} ended the inference process ${d.attempts} times, the last ones alone in its batch.`,
    advice: 'Leave this text out; the other texts of the call were answered. Please report it.',
  }),
  E_ALL_MODELS_FAILED: define<{ failures: readonly string[] }>({
    httpStatus: 502,
    retryable: true,
    message: (d) => `All ${d.failures.length} models failed: ${d.failures.join('; ')}`,
    advice: 'See each failure under `errors`.',
  }),
  // ---- inference
  E_INFERENCE_FAILED: define<{ problem: string }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `The model could not compute this batch: ${d.problem}`,
    advice: 'See the log; run `embedq models show` for the model.',
  }),
  E_INFERENCE_UNAVAILABLE: define<{ model: string; reason: string }>({
    httpStatus: 503,
    retryable: true,
    message: (d) => `Model "${d.model}" cannot compute now: ${d.reason}`,
    advice: 'Inference processes are being replaced; try again. If it lasts, see the log.',
  }),
  E_CLOSED: define<Record<never, never>>({
    httpStatus: 503,
    retryable: true,
    message: () => 'This embedder is shutting down and takes no new calls.',
    advice: 'Send the call to another instance.',
  }),
  E_INTERNAL: define<{ problem: string }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `Internal error: ${d.problem}`,
    advice: 'This is a defect in embedq; please report it with the request id.',
  }),
  // ---- the model's files
  E_MODEL_NOT_FOUND: define<{ model: string; places: readonly string[] }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model} was not found; looked in ${d.places.join(', ')}.`,
    advice: 'Put the repository into one of these places, or correct EMB_MODELS.',
  }),
  E_MODEL_FILE_MISSING: define<{ model: string; file: string; problem?: string }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model} has no file ${d.file}${d.problem ? `: ${d.problem}` : '.'}`,
    advice: 'Complete the repository, or name a variant that it has; `embedq models show` says which files were read.',
  }),
  E_MODEL_FILE_CORRUPT: define<{ model: string; file: string; problem: string }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model}: ${d.file} is not right: ${d.problem}`,
    advice: 'Fetch the file again.',
  }),
  E_MODEL_UNSUPPORTED: define<{ model: string; what: string }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model} cannot be computed exactly here: ${d.what}`,
    advice: 'Use another model, or export this one so that it needs only what docs/reference/model-format.md lists.',
  }),
  E_MODEL_UNSAFE_WEIGHTS: define<{ model: string; file: string }>({
    httpStatus: 503,
    retryable: false,
    message: (d) =>
      `Model ${d.model}: ${d.file} is a pickle, which can run code when it is read; embedq never reads one.`,
    advice: 'Save the module as model.safetensors with a current sentence-transformers.',
  }),
  E_MODEL_DIM_MISMATCH: define<{ model: string; configured: number; actual: number }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model} makes vectors of ${d.actual} floats, configured are ${d.configured}.`,
    advice: 'Correct the dim in EMB_MODELS (alias:model_id:rev:dim:max_seq).',
  }),
  E_MODEL_MAX_SEQ_TOO_LARGE: define<{ model: string; configured: number; positions: number }>({
    httpStatus: 503,
    retryable: false,
    message: (d) => `Model ${d.model} has positions for ${d.positions} tokens, configured max_seq is ${d.configured}.`,
    advice: 'Correct the max_seq in EMB_MODELS (alias:model_id:rev:dim:max_seq).',
  }),
  E_MODEL_BATCH_DEPENDENT: define<{ model: string; file: string; minCosine: number; maxAbsDelta: number }>({
    httpStatus: 503,
    retryable: false,
    message: (d) =>
      `Model ${d.model}: vectors from ${d.file} depend on which other texts share their batch (the probes, alone and beside an outlier, agree only to cosine ${d.minCosine.toFixed(4)}, max |Δ| ${d.maxAbsDelta.toExponential(1)}).`,
    advice:
      'Use a file with static quantisation or fp32. To serve this one all the same, name it explicitly: --variant or EMB_MODEL_VARIANTS=alias=path.',
  }),
  E_MODEL_PROBES_FAILED: define<{ model: string; probe: number; cosine: number; maxAbsDelta: number; limit: number }>({
    httpStatus: 503,
    retryable: false,
    message: (d) =>
      `Model ${d.model}: golden probe ${d.probe} came out at cosine ${d.cosine.toFixed(6)} (at least ${d.limit} is required), max |Δ| ${d.maxAbsDelta.toExponential(1)}.`,
    advice: 'The files or the runtime are not those that the manifest was made with; fetch the model again.',
  }),
  // ---- the start
  E_CONFIG_INVALID: define<{ faults: readonly string[] }>({
    httpStatus: 500,
    retryable: false,
    message: (d) =>
      `The configuration has ${count(d.faults.length, 'fault')}:\n${d.faults.map((fault) => `  - ${fault}`).join('\n')}`,
    advice: 'Correct every line; docs/reference/configuration.md lists all variables.',
  }),
  E_PLATFORM_UNSUPPORTED: define<{ platform: string; supported: readonly string[] }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `embedq does not run on ${d.platform}; it runs on ${d.supported.join(', ')}.`,
    advice: 'Run it on a supported platform (in a container, say).',
  }),
  E_DEVICE_UNSUPPORTED: define<{ device: string }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `Device "${d.device}" is not supported by this build; supported: cpu.`,
    advice: 'Set EMB_DEVICE=cpu.',
  }),
  E_MEMORY_TOO_SMALL: define<{ model: string; neededMiB: number; limitMiB: number }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `One session of model ${d.model} needs about ${d.neededMiB} MiB, limit ${d.limitMiB} MiB.`,
    advice: 'Raise EMB_MEMORY_LIMIT_MIB, or use a smaller model or variant.',
  }),
  E_LISTEN_FAILED: define<{ host: string; port: number; problem: string }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `Cannot listen on ${d.host}, port ${d.port}: ${d.problem}.`,
    advice: 'Choose another --host or --port, or end the process that holds the port.',
  }),
  // ---- the command line
  E_USAGE: define<{ problem: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => d.problem,
    advice: 'See embedq --help.',
  }),
  E_FILE_UNREADABLE: define<{ file: string; problem: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => `${d.file} cannot be read: ${d.problem}`,
    advice: 'Check the path and its permissions.',
  }),
  E_FILE_UNWRITABLE: define<{ file: string; problem: string }>({
    httpStatus: 500,
    retryable: false,
    message: (d) => `${d.file} cannot be written: ${d.problem}`,
    advice: 'Check the path, its permissions and the free space.',
  }),
  E_INPUT_ROW_INVALID: define<{ file: string; line: number; problem: string }>({
    httpStatus: 400,
    retryable: false,
    message: (d) => `${d.file}, line ${d.line}: ${d.problem}`,
    advice:
      'A .txt line is UTF-8 text of at most 16 MiB; a .jsonl line is a JSON string or an object with a string "text".',
  }),
} as const;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails<Code extends ErrorCode> = Parameters<(typeof ERRORS)[Code]['message']>[0];

/** Every failure that leaves embedq is one of these. */
export class EmbedqError extends Error {
  override readonly name = 'EmbedqError';
  readonly httpStatus: number;
  readonly retryable: boolean;
  readonly advice: string;
  /** How long to wait before trying again; only where embedq could compute it. */
  readonly retryAfterMs: number | null;

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The numbers and names that the message was made from. */
    readonly details: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    const definition = ERRORS[code];
    this.httpStatus = definition.httpStatus;
    this.retryable = definition.retryable;
    this.advice = definition.advice;
    this.retryAfterMs = typeof details['retryAfterMs'] === 'number' ? details['retryAfterMs'] : null;
  }
}

/** Makes the error of a code: `fail('E_TEXT_TOO_LONG', { index: 3, tokens: 257, maxTokens: 256 })`. */
export function fail<Code extends ErrorCode>(
  code: Code,
  details: ErrorDetails<Code>,
  options?: ErrorOptions,
): EmbedqError {
  // The registry's entry for Code takes exactly Code's details; TypeScript cannot follow that through the union.
  const definition = ERRORS[code] as unknown as Definition<ErrorDetails<Code>>;
  return new EmbedqError(code, definition.message(details), details as Record<string, unknown>, options);
}

/**
 * The same failure in a longer list: whoever computes a part of a call counts texts from the part's first, the caller
 * from the call's. In every code's details `index` is the position of a text.
 */
export function withTextOffset(error: EmbedqError, offset: number): EmbedqError {
  const { index } = error.details;
  if (typeof index !== 'number' || offset === 0) return error;
  const details = { ...error.details, index: index + offset };
  // As in `fail`: these are the details of this code, with another number in them.
  const definition = ERRORS[error.code] as unknown as Definition<typeof details>;
  return new EmbedqError(error.code, definition.message(details), details, { cause: error.cause });
}

/** What anything thrown looks like to a caller; a stranger's error becomes E_INTERNAL with its message. */
export function toEmbedqError(thrown: unknown): EmbedqError {
  if (thrown instanceof EmbedqError) return thrown;
  const problem = thrown instanceof Error ? thrown.message : String(thrown);
  return fail('E_INTERNAL', { problem }, { cause: thrown });
}
