// The one place that reads the environment. Every variable is described here once: its type, unit, default and
// reason. The reading lists all faults at once, and docs/reference/configuration.md and .env.example are
// generated from the same table.
import {
  directory,
  type Format,
  flag,
  httpUrl,
  integer,
  isRecord,
  oneOf,
  problemOf,
  shown,
  text,
} from './config-formats.js';
import { aliases, modelEntries, variants } from './config-models.js';
import type { ModelEntry } from './contracts/model.js';
import { fail } from './errors.js';
import { didYouMean, nearest } from './nearest-word.js';

interface Setting<Value> {
  /** The environment variable. */
  readonly name: string;
  readonly format: Format<Value>;
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
  const { format } = definition;
  const check = (value: unknown) => (value === null ? null : format.check(value));
  return { ...definition, format: { parse: format.parse, check }, defaultText: null };
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
    format: modelEntries,
    defaultText: 'minilm:sentence-transformers/all-MiniLM-L6-v2:default:384:256',
    description: 'The models to serve: `alias:model_id:rev:dim:max_seq`, comma-separated.',
    group: MODELS,
  }),
  defaultRtModels: optional({
    name: 'EMB_DEFAULT_RT_MODELS',
    format: aliases,
    description: 'Aliases used where an rt call names no model. Unset: the first of EMB_MODELS.',
    group: MODELS,
  }),
  defaultBulkModels: optional({
    name: 'EMB_DEFAULT_BULK_MODELS',
    format: aliases,
    description: 'Aliases used where a bulk call names no model. Unset: the first of EMB_MODELS.',
    group: MODELS,
  }),
  modelVariants: setting({
    name: 'EMB_MODEL_VARIANTS',
    format: variants,
    defaultText: '',
    description:
      'Which weights file an alias uses: `alias=variant,…`; a variant is `fp32`, `int8` or a path inside the repository. Default: `onnx/model.onnx`, for the bundled model `int8`.',
    group: MODELS,
  }),
  modelsCacheDir: setting({
    name: 'MODELS_CACHE_DIR',
    format: directory,
    defaultText: '~/.cache/embedq',
    description: 'Where models and what start-up measured are kept: `<dir>/<model_id>/<rev>/`.',
    group: MODELS,
  }),
  useLocalModels: setting({
    name: 'USE_LOCAL_MODELS',
    format: flag,
    defaultText: '0',
    description: 'With 1, models are looked for in `LOCAL_MODELS_DIR/<model_id>/<rev>/` first.',
    group: MODELS,
  }),
  localModelsDir: optional({
    name: 'LOCAL_MODELS_DIR',
    format: directory,
    description: 'Folder of model repositories, `<dir>/<model_id>/<rev>/`; read with USE_LOCAL_MODELS=1.',
    group: MODELS,
  }),
  modelsBucket: optional({
    name: 'MODELS_BUCKET',
    format: text,
    description:
      'Bucket of the model store. Reserved: this version has no S3 store, and refuses to start with one unless USE_LOCAL_MODELS=1 and LOCAL_MODELS_DIR are set.',
    group: MODELS,
  }),
  s3Endpoint: optional({
    name: 'S3_ENDPOINT',
    format: httpUrl,
    description: 'Address of the S3 server of the model store. Reserved, see MODELS_BUCKET.',
    group: MODELS,
  }),
  s3AccessKey: optional({
    name: 'S3_ACCESS_KEY',
    format: text,
    description: 'Access key of the model store. Reserved, see MODELS_BUCKET.',
    secret: true,
    group: MODELS,
  }),
  s3SecretKey: optional({
    name: 'S3_SECRET_KEY',
    format: text,
    description: 'Secret key of the model store. Reserved, see MODELS_BUCKET.',
    secret: true,
    group: MODELS,
  }),
  device: setting({
    name: 'EMB_DEVICE',
    format: oneOf('cpu'),
    defaultText: 'cpu',
    description: 'What computes. This version: `cpu`.',
    group: INFERENCE,
  }),
  sessions: setting({
    name: 'EMB_SESSIONS',
    format: integer(0, 256),
    defaultText: '0',
    description:
      'Inference processes a model. 0: one rt process plus one bulk process a core, as far as memory allows. 1 or more: that many processes, shared by both lanes.',
    group: INFERENCE,
  }),
  memoryLimitMiB: optional({
    name: 'EMB_MEMORY_LIMIT_MIB',
    format: integer(64, 16_777_216),
    description:
      'Memory in MiB that all inference processes together may take; it bounds their number. Unset: 70 % of what is free at the start.',
    group: INFERENCE,
  }),
  batchTimeoutMs: setting({
    name: 'EMB_BATCH_TIMEOUT_MS',
    format: integer(100, 3_600_000),
    defaultText: '60000',
    description: 'Milliseconds after which an inference process that has not ended its batch is killed and replaced.',
    group: INFERENCE,
  }),
  startupProbe: setting({
    name: 'EMB_STARTUP_PROBE',
    format: flag,
    defaultText: '1',
    description:
      'With 1, the first start of a model on a machine measures for about a second which batch size is fastest and keeps the result in MODELS_CACHE_DIR.',
    group: INFERENCE,
  }),
  bulkSliceMs: setting({
    name: 'EMB_BULK_SLICE_MS',
    format: integer(1, 60_000),
    defaultText: '25',
    description:
      'Longest bulk batch in milliseconds where both lanes share processes: what an rt text may have to wait.',
    group: BATCHING,
  }),
  batchMaxTokensRt: setting({
    name: 'BATCH_MAX_TOKENS_RT',
    format: integer(1, 1_048_576),
    defaultText: '4096',
    description: 'Most padded tokens of an rt batch.',
    group: BATCHING,
  }),
  batchMaxTokensBulk: setting({
    name: 'BATCH_MAX_TOKENS_BULK',
    format: integer(1, 1_048_576),
    defaultText: '16384',
    description: 'Most padded tokens of a bulk batch; the start-up probe looks for the best size below it.',
    group: BATCHING,
  }),
  batchMaxWaitMsRt: setting({
    name: 'BATCH_MAX_WAIT_MS_RT',
    format: integer(0, 60_000),
    defaultText: '0',
    description: 'Milliseconds an rt batch that is not full may wait for more texts while a process is free.',
    group: BATCHING,
  }),
  batchMaxWaitMsBulk: setting({
    name: 'BATCH_MAX_WAIT_MS_BULK',
    format: integer(0, 600_000),
    defaultText: '0',
    description: 'Milliseconds a bulk batch that is not full may wait for more texts while a process is free.',
    group: BATCHING,
  }),
  maxQueuedTexts: setting({
    name: 'EMB_MAX_QUEUED_TEXTS',
    format: integer(1, 10_000_000),
    defaultText: '65536',
    description: 'Texts that may wait in one lane of one model; a call beyond it is refused with E_OVERLOADED.',
    group: BATCHING,
  }),
  maxQueuedTokens: setting({
    name: 'EMB_MAX_QUEUED_TOKENS',
    format: integer(1, 1_000_000_000),
    defaultText: '8388608',
    description: 'Tokens that may wait in one lane of one model; a call beyond it is refused with E_OVERLOADED.',
    group: BATCHING,
  }),
  maxTextsPerCall: setting({
    name: 'EMB_MAX_TEXTS_PER_CALL',
    format: integer(1, 1_000_000),
    defaultText: '2048',
    description: 'Most texts of one call.',
    group: BATCHING,
  }),
  maxTextCharacters: setting({
    name: 'EMB_MAX_TEXT_CHARACTERS',
    format: integer(1, 67_108_864),
    defaultText: '262144',
    description:
      'Most characters (UTF-16 units) or token ids of one text. Far more than a model reads, far less than stalls others.',
    group: BATCHING,
  }),
  maxBodyBytes: setting({
    name: 'EMB_MAX_BODY_BYTES',
    format: integer(1024, 1_073_741_824),
    defaultText: '8388608',
    description: 'Most bytes of one HTTP request body.',
    group: HTTP,
  }),
  openaiTokenIds: setting({
    name: 'EMB_OPENAI_TOKEN_IDS',
    format: oneOf('refuse', 'model', 'cl100k_base'),
    defaultText: 'refuse',
    description:
      "What `/v1/embeddings` does with lists of token ids: `refuse` (with advice), `model` (they are the model's own ids, without special tokens), `cl100k_base` (OpenAI's ids: decode them to text).",
    group: HTTP,
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    format: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
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

/** Models that take the place of EMB_MODELS. */
export interface GivenModels {
  readonly entries: readonly ModelEntry[];
  /** All of them, also those that are no entries. null: not known, since something is wrong with them. */
  readonly served: readonly { readonly alias: string; readonly maxSeq: number | null }[] | null;
}

export interface ConfigInCode {
  /** Takes the place of what the environment says, by the names of SETTINGS; it is checked like the environment. */
  readonly overrides?: unknown;
  readonly models?: GivenModels | null;
}

/**
 * Reads and checks every variable. A variable set to an empty string counts as unset.
 * @throws E_CONFIG_INVALID with all faults at once
 */
export function readConfig(environment: Environment = process.env): Config {
  const { config, faults } = inspectConfig({}, environment);
  if (config === null) throw fail('E_CONFIG_INVALID', { faults });
  return config;
}

/** What the environment says of aliases is about its own models, not about those given in code. */
const ABOUT_MODELS: readonly string[] = [
  'models',
  'defaultRtModels',
  'defaultBulkModels',
  'modelVariants',
] satisfies SettingName[];

/** As readConfig, with what is given in code, and the faults returned: `config` is null where there is one. */
export function inspectConfig(
  { overrides = {}, models = null }: ConfigInCode,
  environment: Environment = process.env,
): { readonly config: Config | null; readonly faults: readonly string[] } {
  if (!isRecord(overrides)) return { config: null, faults: [`config: ${shown(overrides)} is not an object`] };
  const faults = findUnknownKeys(overrides);
  const values: Record<string, unknown> = {};
  for (const [key, definition] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const override = key === 'models' ? undefined : overrides[key];
    const given = models !== null && ABOUT_MODELS.includes(key) ? '' : (environment[definition.name]?.trim() ?? '');
    const source = given === '' ? definition.defaultText : given;
    try {
      if (override !== undefined) values[key] = definition.format.check(override);
      else values[key] = source === null ? null : definition.format.parse(source);
    } catch (error) {
      // A secret's own text must not reach a message.
      const problem = definition.secret ? 'its value is not valid' : problemOf(error);
      faults.push(`${override === undefined ? definition.name : `config.${key}`}: ${problem}`);
    }
  }
  if (models !== null) values.models = models.entries;
  // Every value that is there came from its setting's own format.
  const sound = values as Partial<Config>;
  const nameOf = (key: SettingName) => (overrides[key] === undefined ? SETTINGS[key].name : `config.${key}`);
  faults.push(...findContradictions(sound, models, nameOf));
  return faults.length > 0 ? { config: null, faults } : { config: Object.freeze(sound as Config), faults };
}

function findUnknownKeys(overrides: Readonly<Record<string, unknown>>): string[] {
  const known = Object.keys(SETTINGS).filter((key) => key !== 'models');
  return Object.keys(overrides)
    .filter((key) => !known.includes(key))
    .map((key) =>
      key === 'models'
        ? 'config.models: models are given by the option `models`'
        : `config.${key}: there is no such setting${didYouMean(key, known) || ';'} known: ${known.join(', ')}`,
    );
}

/** Faults that no variable has alone. A check is made where all that it needs is sound. */
function findContradictions(
  config: Partial<Config>,
  given: GivenModels | null,
  nameOf: (key: SettingName) => string,
): string[] {
  const faults: string[] = [];
  const served = given === null ? config.models : (given.served ?? undefined);
  const known = served?.map(({ alias }) => alias);
  const place = given === null ? 'in EMB_MODELS' : 'among the models given';
  const mustBeKnown = (key: SettingName, list: readonly string[]) => {
    if (known === undefined) return;
    for (const item of list) {
      if (!known.includes(item)) faults.push(`${nameOf(key)}: "${item}" is not ${place} (${known.join(', ')})`);
    }
  };
  mustBeKnown('defaultRtModels', config.defaultRtModels ?? []);
  mustBeKnown('defaultBulkModels', config.defaultBulkModels ?? []);
  mustBeKnown('modelVariants', Object.keys(config.modelVariants ?? {}));
  const { useLocalModels, localModelsDir } = config;
  if (useLocalModels && localModelsDir === null) {
    faults.push(`${nameOf('localModelsDir')}: it must be set where USE_LOCAL_MODELS=1`);
  }
  if (useLocalModels === false || localModelsDir === null) {
    for (const key of ['modelsBucket', 's3Endpoint'] as const) {
      if (typeof config[key] !== 'string') continue;
      faults.push(
        `${nameOf(key)}: this version has no S3 model store; unset it, or set USE_LOCAL_MODELS=1 and LOCAL_MODELS_DIR, and it is not used`,
      );
    }
  }
  for (const { alias, maxSeq } of served ?? []) {
    for (const key of ['batchMaxTokensRt', 'batchMaxTokensBulk'] as const) {
      const maxTokens = config[key];
      if (maxTokens === undefined || maxSeq === null || maxTokens >= maxSeq) continue;
      faults.push(`${nameOf(key)}: ${maxTokens} holds no text of ${maxSeq} tokens, max_seq of "${alias}"`);
    }
  }
  return faults;
}

/** Of roles to come. One environment file may serve several roles and versions, so these are no typing errors. */
const NAMES_OF_OTHER_ROLES: readonly string[] = [
  'EMB_MODEL_ID',
  'EMB_MODEL_ALIAS',
  'EMB_MODEL_REV',
  'EMB_DIM',
  'EMB_MAX_SEQ',
  'EMB_HEALTH_PORT',
  'EMB_DRAIN_TIMEOUT_MS',
  'EMB_RT_TIMEOUT_MS',
  'EMB_BULK_TIMEOUT_MS',
  'EMB_RT_REDIS_URL',
  'EMB_BULK_REDIS_URL',
  'EMB_FALLBACK_MIXED',
  'EMB_TRUSTED_KEYS',
];

/** One sentence for each variable that looks like one of embedq's and is none. Values are not shown. */
export function findUnknownVariables(environment: Environment = process.env): string[] {
  const known = Object.values<Setting<unknown>>(SETTINGS).map(({ name }) => name);
  return Object.keys(environment)
    .filter((name) => /^(EMB|BATCH)_/.test(name) && !known.includes(name) && !NAMES_OF_OTHER_ROLES.includes(name))
    .sort()
    .map((name) => {
      const meant = nearest(name, known);
      return `${name} is set, but embedq reads no such variable${meant === null ? '' : `; did you mean ${meant}?`}`;
    });
}
