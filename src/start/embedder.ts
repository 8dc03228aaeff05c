// Puts an embedder together: reads the configuration, loads every model, starts its worker; and takes it apart in
// the reverse order.
import { fileURLToPath } from 'node:url';
import { embedTexts } from '../client/embed-texts.js';
import type { Config } from '../config.js';
import type { Embedder, ServiceLimits } from '../contracts/embedder.js';
import type { EmbedInput, EmbedOptions } from '../contracts/embedding.js';
import { fail } from '../errors.js';
import { availableMemoryMiB, usableCores } from '../inference/resources.js';
import type { ModelWorker } from '../worker/model-worker.js';
import { checkOptions, type EmbedderOptions } from './embedder-options.js';
import { checkPlatform } from './platform.js';

export type { EmbedderOptions, FolderModel } from './embedder-options.js';

/** Share of the memory that is free at the start which inference children may take. */
const SHARE_OF_FREE_MEMORY = 0.7;
/** A large call is computed in parts; this many are under way at once. */
const MAX_PARTS_IN_FLIGHT = 8;

/** Where the package keeps the bundled model; two levels up from here in src and in dist. */
export const BUNDLED_MODELS_DIR = fileURLToPath(new URL('../../models/', import.meta.url));

/**
 * Loads the models and returns an embedder that is ready: every model's golden probes have come out right.
 * @throws E_CONFIG_INVALID with all faults at once, E_MODEL_UNKNOWN, E_PLATFORM_UNSUPPORTED, E_MEMORY_TOO_SMALL, E_MODEL_…
 */
export async function createEmbedder(options: EmbedderOptions = {}): Promise<Embedder> {
  checkPlatform();
  const { config, requests, startBulkAtOnce, log } = checkOptions(options);
  // Only now: these load native modules, and those fail with a message that helps nobody.
  const [{ loadModel }, { startWorker }] = await Promise.all([
    import('../worker/load-model.js'),
    import('./worker.js'),
  ]);
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
        startBulkAtOnce,
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
