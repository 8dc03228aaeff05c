// The one place that reads the environment. Every variable is described here once: its type, unit, default and
// reason. The reading lists all faults at once, and docs/reference/configuration.md and .env.example are
// generated from the same table.
import { homedir } from 'node:os';
import path from 'node:path';
import type { ModelEntry } from './contracts/model.js';
import { EmbedqError, fail } from './errors.js';

/** Turns a variable's text into its value, or throws an Error whose message says what is wrong. */
type Parse<Value> = (text: string) => Value;

interface Setting<Value> {
  /** The environment variable. */
  readonly name: string;
  readonly parse: Parse<Value>;
  /** As one would write it into the environment; null: unset means `null`. */
  readonly defaultText: string | null;
  readonly description: string;
  readonly secret?: boolean;
  /** Heading in the reference. */
  readonly group: string;
}

function setting<Value>(definition: Setting<Value> & { readonly defaultText: string }): Setting<Value> {
  return definition;
}

function optional<Value>(definition: Omit<Setting<Value>, 'defaultText'>): Setting<Value | null> {
  return { ...definition, defaultText: null };
}

function text(value: string): string {
  return value;
}

function integer(min: number, max: number): Parse<number> {
  return (value) => {
    const number = Number(value);
    if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(number)) throw new Error(`"${value}" is not an integer`);
    if (number < min || number > max) throw new Error(`${number} is outside ${min} to ${max}`);
    return number;
  };
}

function oneOf<const Choice extends string>(...choices: Choice[]): Parse<Choice> {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Error(`"${value}" is not one of ${choices.join(', ')}`);
    return found;
  };
}

function flag(value: string): boolean {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw new Error(`"${value}" is not one of 1, 0, true, false`);
}

function httpUrl(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('it is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`"${url.protocol}" is not http: or https:`);
  return value;
}

export const ALIAS_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

function alias(value: string): string {
  if (!ALIAS_PATTERN.test(value)) {
    throw new Error(
      `"${value}" is not an alias (lower-case letters, digits, . _ -; at most 64; first a letter or digit)`,
    );
  }
  return value;
}

function commaList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function aliases(value: string): readonly string[] {
  const list = commaList(value).map(alias);
  if (list.length === 0) throw new Error('it lists no alias');
  const twice = list.find((item, index) => list.indexOf(item) !== index);
  if (twice !== undefined) throw new Error(`"${twice}" is listed twice`);
  return list;
}

/** One `alias:model_id:rev:dim:max_seq`. The model id may hold slashes but no colon. */
function modelEntry(value: string): ModelEntry {
  const parts = value.split(':');
  if (parts.length !== 5) {
    throw new Error(`"${value}" has ${parts.length} parts, alias:model_id:rev:dim:max_seq has 5`);
  }
  const [name = '', modelId = '', revision = '', dim = '', maxSeq = ''] = parts.map((part) => part.trim());
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(modelId) || modelId.split('/').some((part) => /^\.+$/.test(part))) {
    throw new Error(`"${modelId}" in "${value}" is not a model id (owner/name)`);
  }
  if (!/^[\w.-]+$/.test(revision) || /^\.+$/.test(revision)) {
    throw new Error(`"${revision}" in "${value}" is not a revision`);
  }
  const number = (what: string, digits: string) => {
    try {
      return integer(1, 1_000_000)(digits);
    } catch (error) {
      throw new Error(`${what} in "${value}": ${(error as Error).message}`);
    }
  };
  return Object.freeze({
    alias: alias(name),
    modelId,
    revision,
    dim: number('dim', dim),
    maxSeq: number('max_seq', maxSeq),
  });
}

/**
 * Parses a list in the format of EMB_MODELS that does not come from the environment.
 * @throws E_CONFIG_INVALID
 */
export function parseModels(value: string): readonly ModelEntry[] {
  try {
    return modelEntries(value);
  } catch (error) {
    throw fail('E_CONFIG_INVALID', { faults: [`models: ${(error as Error).message}`] });
  }
}

function modelEntries(value: string): readonly ModelEntry[] {
  const problems: string[] = [];
  const entries: ModelEntry[] = [];
  for (const item of commaList(value)) {
    try {
      const entry = modelEntry(item);
      if (entries.some((earlier) => earlier.alias === entry.alias))
        problems.push(`alias "${entry.alias}" is used twice`);
      entries.push(entry);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (entries.length === 0 && problems.length === 0) problems.push('it lists no model');
  if (problems.length > 0) throw new Error(problems.join('; '));
  return Object.freeze(entries);
}

/** `alias=variant,…`; a variant is `fp32`, `int8` or a path inside the repository. */
function variants(value: string): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const item of commaList(value)) {
    const at = item.indexOf('=');
    if (at < 1 || at === item.length - 1) throw new Error(`"${item}" is not alias=variant`);
    const name = alias(item.slice(0, at).trim());
    if (name in result) throw new Error(`alias "${name}" is used twice`);
    result[name] = item.slice(at + 1).trim();
  }
  return Object.freeze(result);
}

function directory(value: string): string {
  return path.resolve(value.replace(/^~(?=$|\/)/, homedir()));
}

const MODELS = 'Models';
const INFERENCE = 'Inference';
const BATCHING = 'Batching and limits';
const HTTP = 'HTTP';
const LOGGING = 'Logging';

/** Every variable, by the name it has in the code. */
export const SETTINGS = {
  models: setting({
    name: 'EMB_MODELS',
    parse: modelEntries,
    defaultText: 'minilm:sentence-transformers/all-MiniLM-L6-v2:default:384:256',
    description: 'The models to serve: `alias:model_id:rev:dim:max_seq`, comma-separated.',
    group: MODELS,
  }),
  defaultRtModels: optional({
    name: 'EMB_DEFAULT_RT_MODELS',
    parse: aliases,
    description: 'Aliases used where an rt call names no model. Unset: the first of EMB_MODELS.',
    group: MODELS,
  }),
  defaultBulkModels: optional({
    name: 'EMB_DEFAULT_BULK_MODELS',
    parse: aliases,
    description: 'Aliases used where a bulk call names no model. Unset: the first of EMB_MODELS.',
    group: MODELS,
  }),
  modelVariants: setting({
    name: 'EMB_MODEL_VARIANTS',
    parse: variants,
    defaultText: '',
    description:
      'Which weights file an alias uses: `alias=variant,…`; a variant is `fp32`, `int8` or a path inside the repository. Default: `onnx/model.onnx`, for the bundled model `int8`.',
    group: MODELS,
  }),
  modelsCacheDir: setting({
    name: 'MODELS_CACHE_DIR',
    parse: directory,
    defaultText: '~/.cache/embedq',
    description: 'Where models and what start-up measured are kept: `<dir>/<model_id>/<rev>/`.',
    group: MODELS,
  }),
  useLocalModels: setting({
    name: 'USE_LOCAL_MODELS',
    parse: flag,
    defaultText: '0',
    description: 'With 1, models are looked for in `LOCAL_MODELS_DIR/<model_id>/<rev>/` first.',
    group: MODELS,
  }),
  localModelsDir: optional({
    name: 'LOCAL_MODELS_DIR',
    parse: directory,
    description: 'Folder of model repositories, `<dir>/<model_id>/<rev>/`; read with USE_LOCAL_MODELS=1.',
    group: MODELS,
  }),
  modelsBucket: optional({
    name: 'MODELS_BUCKET',
    parse: text,
    description: 'Bucket of the model store. Reserved: this version has no S3 store and refuses to start with one.',
    group: MODELS,
  }),
  s3Endpoint: optional({
    name: 'S3_ENDPOINT',
    parse: httpUrl,
    description: 'Address of the S3 server of the model store. Reserved, see MODELS_BUCKET.',
    group: MODELS,
  }),
  s3AccessKey: optional({
    name: 'S3_ACCESS_KEY',
    parse: text,
    description: 'Access key of the model store. Reserved, see MODELS_BUCKET.',
    secret: true,
    group: MODELS,
  }),
  s3SecretKey: optional({
    name: 'S3_SECRET_KEY',
    parse: text,
    description: 'Secret key of the model store. Reserved, see MODELS_BUCKET.',
    secret: true,
    group: MODELS,
  }),
  device: setting({
    name: 'EMB_DEVICE',
    parse: oneOf('cpu'),
    defaultText: 'cpu',
    description: 'What computes. This version: `cpu`.',
    group: INFERENCE,
  }),
  sessions: setting({
    name: 'EMB_SESSIONS',
    parse: integer(0, 256),
    defaultText: '0',
    description:
      'Inference processes a model. 0: one rt process plus one bulk process a core, as far as memory allows. 1 or more: that many processes, shared by both lanes.',
    group: INFERENCE,
  }),
  memoryLimitMiB: optional({
    name: 'EMB_MEMORY_LIMIT_MIB',
    parse: integer(64, 16_777_216),
    description:
      'Memory in MiB that all inference processes together may take; it bounds their number. Unset: 70 % of what is free at the start.',
    group: INFERENCE,
  }),
  batchTimeoutMs: setting({
    name: 'EMB_BATCH_TIMEOUT_MS',
    parse: integer(100, 3_600_000),
    defaultText: '60000',
    description: 'Milliseconds after which an inference process that has not ended its batch is killed and replaced.',
    group: INFERENCE,
  }),
  startupProbe: setting({
    name: 'EMB_STARTUP_PROBE',
    parse: flag,
    defaultText: '1',
    description:
      'With 1, the first start of a model on a machine measures for about a second which batch size is fastest and keeps the result in MODELS_CACHE_DIR.',
    group: INFERENCE,
  }),
  bulkSliceMs: setting({
    name: 'EMB_BULK_SLICE_MS',
    parse: integer(1, 60_000),
    defaultText: '25',
    description:
      'Longest bulk batch in milliseconds where both lanes share processes: what an rt text may have to wait.',
    group: BATCHING,
  }),
  batchMaxTokensRt: setting({
    name: 'BATCH_MAX_TOKENS_RT',
    parse: integer(1, 1_048_576),
    defaultText: '4096',
    description: 'Most padded tokens of an rt batch.',
    group: BATCHING,
  }),
  batchMaxTokensBulk: setting({
    name: 'BATCH_MAX_TOKENS_BULK',
    parse: integer(1, 1_048_576),
    defaultText: '16384',
    description: 'Most padded tokens of a bulk batch; the start-up probe looks for the best size below it.',
    group: BATCHING,
  }),
  batchMaxWaitMsRt: setting({
    name: 'BATCH_MAX_WAIT_MS_RT',
    parse: integer(0, 60_000),
    defaultText: '0',
    description: 'Milliseconds an rt batch that is not full may wait for more texts while a process is free.',
    group: BATCHING,
  }),
  batchMaxWaitMsBulk: setting({
    name: 'BATCH_MAX_WAIT_MS_BULK',
    parse: integer(0, 600_000),
    defaultText: '0',
    description: 'Milliseconds a bulk batch that is not full may wait for more texts while a process is free.',
    group: BATCHING,
  }),
  maxQueuedTexts: setting({
    name: 'EMB_MAX_QUEUED_TEXTS',
    parse: integer(1, 10_000_000),
    defaultText: '65536',
    description: 'Texts that may wait in one lane of one model; a call beyond it is refused with E_OVERLOADED.',
    group: BATCHING,
  }),
  maxQueuedTokens: setting({
    name: 'EMB_MAX_QUEUED_TOKENS',
    parse: integer(1, 1_000_000_000),
    defaultText: '8388608',
    description: 'Tokens that may wait in one lane of one model; a call beyond it is refused with E_OVERLOADED.',
    group: BATCHING,
  }),
  maxTextsPerCall: setting({
    name: 'EMB_MAX_TEXTS_PER_CALL',
    parse: integer(1, 1_000_000),
    defaultText: '2048',
    description: 'Most texts of one call.',
    group: BATCHING,
  }),
  maxTextCharacters: setting({
    name: 'EMB_MAX_TEXT_CHARACTERS',
    parse: integer(1, 67_108_864),
    defaultText: '262144',
    description:
      'Most characters (UTF-16 units) or token ids of one text. Far more than a model reads, far less than stalls others.',
    group: BATCHING,
  }),
  maxBodyBytes: setting({
    name: 'EMB_MAX_BODY_BYTES',
    parse: integer(1024, 1_073_741_824),
    defaultText: '8388608',
    description: 'Most bytes of one HTTP request body.',
    group: HTTP,
  }),
  openaiTokenIds: setting({
    name: 'EMB_OPENAI_TOKEN_IDS',
    parse: oneOf('refuse', 'model', 'cl100k_base'),
    defaultText: 'refuse',
    description:
      "What `/v1/embeddings` does with lists of token ids: `refuse` (with advice), `model` (they are the model's own ids, without special tokens), `cl100k_base` (OpenAI's ids: decode them to text).",
    group: HTTP,
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    defaultText: 'info',
    description: 'Least severity that is logged.',
    group: LOGGING,
  }),
} as const;

type SettingName = keyof typeof SETTINGS;
type SettingValue<Name extends SettingName> = (typeof SETTINGS)[Name] extends Setting<infer Value> ? Value : never;

/** What the environment says, checked and frozen. */
export type Config = { readonly [Name in SettingName]: SettingValue<Name> };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks every variable. A variable set to an empty string counts as unset. `overrides` take the place
 * of what the environment says (an argument of the command line or of `createEmbedder`).
 * @throws E_CONFIG_INVALID with all faults at once
 */
export function readConfig(environment: Environment = process.env, overrides: Partial<Config> = {}): Config {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, definition] of Object.entries(SETTINGS)) {
    if (overrides[key as SettingName] !== undefined) {
      values[key] = overrides[key as SettingName];
      continue;
    }
    const given = environment[definition.name];
    const source = given === undefined || given.trim() === '' ? definition.defaultText : given.trim();
    try {
      values[key] = source === null ? null : definition.parse(source);
    } catch (error) {
      // A secret's own text must not reach a message.
      const problem = definition.secret ? 'its value is not valid' : (error as Error).message;
      faults.push(`${definition.name}: ${problem}`);
    }
  }
  const config = values as Config;
  if (faults.length === 0) faults.push(...findContradictions(config));
  if (faults.length > 0) throw fail('E_CONFIG_INVALID', { faults });
  return Object.freeze(config);
}

/** Faults that no variable has alone. */
function findContradictions(config: Config): string[] {
  const faults: string[] = [];
  const known = config.models.map((entry) => entry.alias);
  const mustBeKnown = (name: string, list: readonly string[]) => {
    for (const item of list) {
      if (!known.includes(item)) faults.push(`${name}: "${item}" is not in EMB_MODELS (${known.join(', ')})`);
    }
  };
  mustBeKnown('EMB_DEFAULT_RT_MODELS', config.defaultRtModels ?? []);
  mustBeKnown('EMB_DEFAULT_BULK_MODELS', config.defaultBulkModels ?? []);
  mustBeKnown('EMB_MODEL_VARIANTS', Object.keys(config.modelVariants));
  if (config.useLocalModels && config.localModelsDir === null) {
    faults.push('LOCAL_MODELS_DIR: it must be set where USE_LOCAL_MODELS=1');
  }
  for (const name of ['modelsBucket', 's3Endpoint'] as const) {
    if (config[name] !== null) {
      faults.push(`${SETTINGS[name].name}: this version has no S3 model store; unset it, or use USE_LOCAL_MODELS=1`);
    }
  }
  for (const entry of config.models) {
    for (const name of ['batchMaxTokensRt', 'batchMaxTokensBulk'] as const) {
      if (config[name] < entry.maxSeq) {
        faults.push(
          `${SETTINGS[name].name}: ${config[name]} holds no text of ${entry.maxSeq} tokens, max_seq of "${entry.alias}"`,
        );
      }
    }
  }
  return faults;
}

export function isConfigError(error: unknown): boolean {
  return error instanceof EmbedqError && error.code === 'E_CONFIG_INVALID';
}
