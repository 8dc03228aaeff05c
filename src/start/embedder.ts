// Puts an embedder together: reads the configuration, loads every model, starts its worker; and takes it apart in
// the reverse order.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedTexts } from '../client/embed-texts.js';
import { type Config, parseModels, readConfig } from '../config.js';
import type { Embedder, ServiceLimits } from '../contracts/embedder.js';
import type { EmbedInput, EmbedOptions } from '../contracts/embedding.js';
import { type Logger, SILENT } from '../contracts/log.js';
import type { ModelEntry } from '../contracts/model.js';
import { fail } from '../errors.js';
import { availableMemoryMiB, usableCores } from '../inference/resources.js';
import type { ModelRequest } from '../worker/load-model.js';
import type { ModelWorker } from '../worker/model-worker.js';
import { checkPlatform } from './platform.js';

/** A model from a folder instead of EMB_MODELS: what it makes is taken from its files. */
export interface FolderModel {
  readonly folder: string;
  /** Default: the folder's name. */
  readonly alias?: string;
  /** `fp32`, `int8` or a path inside the folder. Default: `onnx/model.onnx`. */
  readonly variant?: string;
  /** Longest input in tokens; default: what the repository says. */
  readonly maxSeq?: number;
}

export interface EmbedderOptions {
  /** In the format of EMB_MODELS, or folders. Default: EMB_MODELS. */
  readonly models?: string | readonly (ModelEntry | FolderModel)[];
  /** Of the models of EMB_MODELS, load only these aliases. */
  readonly only?: readonly string[];
  /** Takes the place of what the environment says. */
  readonly config?: Partial<Omit<Config, 'models'>>;
  /** True: ready for bulk at once. Default: the bulk pool starts with the first bulk call. */
  readonly startBulkAtOnce?: boolean;
  readonly log?: Logger;
}

/** Share of the memory that is free at the start which inference children may take. */
const SHARE_OF_FREE_MEMORY = 0.7;
/** A large call is computed in parts; this many are under way at once. */
const MAX_PARTS_IN_FLIGHT = 8;

/** Where the package keeps the bundled model; two levels up from here in src and in dist. */
export const BUNDLED_MODELS_DIR = fileURLToPath(new URL('../../models/', import.meta.url));

/**
 * Loads the models and returns an embedder that is ready: every model's golden probes have come out right.
 * @throws E_CONFIG_INVALID, E_PLATFORM_UNSUPPORTED, E_MEMORY_TOO_SMALL, E_MODEL_…
 */
export async function createEmbedder(options: EmbedderOptions = {}): Promise<Embedder> {
  checkPlatform();
  // Only now: these load native modules, and those fail with a message that helps nobody.
  const [{ loadModel }, { startWorker }] = await Promise.all([
    import('../worker/load-model.js'),
    import('./worker.js'),
  ]);
  const log = options.log ?? SILENT;
  const { config, requests } = readRequests(options);
  const cores = await usableCores();
  const memoryLimitMiB = config.memoryLimitMiB ?? Math.floor((await availableMemoryMiB()) * SHARE_OF_FREE_MEMORY);
  const places = {
    bundledDir: BUNDLED_MODELS_DIR,
    cacheDir: config.modelsCacheDir,
    localDir: config.useLocalModels ? config.localModelsDir : null,
  };
  const workers: ModelWorker[] = [];
  const closeWorkers = async () => {
    for (const worker of [...workers].reverse()) await worker.close();
  };
  try {
    const loaded = await Promise.all(requests.map((request) => loadModel(request, places, log)));
    for (const model of loaded) {
      const worker = await startWorker(model, {
        config,
        cores,
        memoryLimitMiB: Math.floor(memoryLimitMiB / loaded.length),
        startBulkAtOnce: options.startBulkAtOnce ?? false,
        log,
      });
      workers.push(worker);
    }
  } catch (error) {
    await closeWorkers();
    throw error;
  }
  return assemble(config, workers, closeWorkers);
}

function assemble(config: Config, workers: readonly ModelWorker[], closeWorkers: () => Promise<void>): Embedder {
  const served = workers.map(({ info }) => info.alias);
  const defaultsFrom = (aliases: readonly string[] | null): readonly string[] => {
    const loaded = aliases?.filter((alias) => served.includes(alias)) ?? [];
    return loaded.length > 0 ? loaded : served.slice(0, 1);
  };
  const defaultModels = { rt: defaultsFrom(config.defaultRtModels), bulk: defaultsFrom(config.defaultBulkModels) };
  const maxTextsPerPart = Math.min(config.maxTextsPerCall, config.maxQueuedTexts);
  const settings = {
    backends: workers,
    defaultModels,
    maxTextCharacters: config.maxTextCharacters,
    maxTextsPerPart,
    maxPartsInFlight: Math.max(1, Math.min(MAX_PARTS_IN_FLIGHT, Math.floor(config.maxQueuedTexts / maxTextsPerPart))),
  };
  const limits: ServiceLimits = Object.freeze({
    maxTextsPerCall: config.maxTextsPerCall,
    maxTextCharacters: config.maxTextCharacters,
    maxBodyBytes: config.maxBodyBytes,
    maxBatchTokensRt: config.batchMaxTokensRt,
    maxBatchTokensBulk: config.batchMaxTokensBulk,
    maxQueuedTexts: config.maxQueuedTexts,
    maxQueuedTokens: config.maxQueuedTokens,
  });
  let closing: Promise<void> | null = null;
  return {
    models: workers.map(({ info }) => info),
    defaultModels,
    limits,
    async embedTexts(texts: readonly EmbedInput[], embedOptions: EmbedOptions = {}) {
      if (closing !== null) throw fail('E_CLOSED', {});
      return embedTexts(settings, texts, embedOptions);
    },
    status: () => workers.map((worker) => worker.status()),
    close() {
      closing ??= closeWorkers();
      return closing;
    },
  };
}

function readRequests(options: EmbedderOptions): { config: Config; requests: ModelRequest[] } {
  const given = typeof options.models === 'string' ? parseModels(options.models) : options.models;
  const entries = given?.filter((model): model is ModelEntry => !('folder' in model));
  // What the environment says of aliases is about its own models, not about those given here.
  const replaced = entries === undefined ? {} : { models: entries, ...NOTHING_ABOUT_ALIASES };
  const config = readConfig(undefined, { ...replaced, ...options.config });
  const { only } = options;
  const unknown = only?.find((alias) => !config.models.some((entry) => entry.alias === alias));
  if (unknown !== undefined) {
    throw fail('E_MODEL_UNKNOWN', { model: unknown, known: config.models.map(({ alias }) => alias) });
  }
  const requests = (given ?? config.models)
    .map((model) => describeRequest(model, config))
    .filter((request) => only === undefined || only.includes(aliasOfRequest(request)));
  const aliases = requests.map(aliasOfRequest);
  const twice = aliases.find((alias, index) => aliases.indexOf(alias) !== index);
  if (twice !== undefined) throw fail('E_CONFIG_INVALID', { faults: [`models: alias "${twice}" is used twice`] });
  return { config, requests };
}

const NOTHING_ABOUT_ALIASES = { defaultRtModels: null, defaultBulkModels: null, modelVariants: {} } as const;

function describeRequest(model: ModelEntry | FolderModel, config: Config): ModelRequest {
  if (!('folder' in model)) {
    return { kind: 'entry', entry: model, variant: config.modelVariants[model.alias] ?? null };
  }
  const { folder, alias = aliasOfFolder(folder), variant = null, maxSeq = null } = model;
  return { kind: 'folder', alias, folder, variant, maxSeq };
}

function aliasOfRequest(request: ModelRequest): string {
  return request.kind === 'folder' ? request.alias : request.entry.alias;
}

/** The folder's name, in the characters an alias may have. */
function aliasOfFolder(folder: string): string {
  const name = path.basename(path.resolve(folder)).toLowerCase();
  return name.replaceAll(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '') || 'model';
}
