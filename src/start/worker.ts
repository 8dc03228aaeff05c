// Starts the worker of a loaded model with what the configuration and the machine give it.
import { createRequire } from 'node:module';
import type { Config } from '../config.js';
import type { Logger } from '../contracts/log.js';
import { fail } from '../errors.js';
import { createMeasurementCache } from '../inference/measurement-cache.js';
import { planPools } from '../inference/pool-plan.js';
import { processorName } from '../inference/resources.js';
import type { TokenRow } from '../inference/token-row.js';
import { createTokenizer, type ModelTokenizer } from '../inference/tokenizer.js';
import { batchInvarianceSchema, checkVectors } from '../worker/check-vectors.js';
import { measuredShapeSchema } from '../worker/lane-pools.js';
import type { LoadedModel } from '../worker/load-model.js';
import { ModelWorker } from '../worker/model-worker.js';

/** The script of an inference child. It is always the built one: Node cannot fork TypeScript. */
const INFERENCE_CHILD = new URL('../../dist/start/inference-child.js', import.meta.url);

/** Shared mode: bulk that got nothing for this long gets one slice although rt waits. */
const BULK_AGEING_MS = 200;
/** Until the probe has measured: what was best on the machines it was tried on. */
const FIRST_BULK_TARGET_TOKENS = 512;
/** An rt batch is cut to this, so that a query that comes next does not wait for a long one. */
const RT_TARGET_TOKENS = 512;

const PROBE_ROW_TEXT = 'The start-up probe measures how many tokens a batch should hold on this machine. ';
const PROBE_ROW_REPEATS = 12;

export interface WorkerResources {
  readonly config: Config;
  readonly cores: number;
  /** What this model's inference children may take together. */
  readonly memoryLimitMiB: number;
  readonly startBulkAtOnce: boolean;
  readonly log: Logger;
}

/** @throws E_MEMORY_TOO_SMALL, E_MODEL_PROBES_FAILED, E_MODEL_BATCH_DEPENDENT, E_MODEL_FILE_CORRUPT */
export async function startWorker(model: LoadedModel, resources: WorkerResources): Promise<ModelWorker> {
  const { config, cores, memoryLimitMiB, startBulkAtOnce, log } = resources;
  const { description, weightsBytes } = model;
  const { alias, fingerprint } = model.info;
  const plan = planPools({ model: alias, cores, sessions: config.sessions, weightsBytes, memoryLimitMiB });
  const tokenizer = await createTokenizer(description);
  const { modelsCacheDir, maxQueuedTexts, maxQueuedTokens } = config;
  const machine = `${fingerprint}, ${processorName()}, ${cores} cores, onnxruntime ${runtimeVersion()}`;
  const shapeKey = `${machine}, ${JSON.stringify(plan)}, ${config.batchMaxTokensBulk} tokens`;
  const shapes = createMeasurementCache(modelsCacheDir, 'shapes', shapeKey, measuredShapeSchema);
  const invariance = createMeasurementCache(modelsCacheDir, 'batch-invariance', machine, batchInvarianceSchema);
  const lane = (maxBatchTokens: number, targetTokens: number, maxWaitMs: number) => ({
    maxBatchTokens,
    targetBatchTokens: Math.min(maxBatchTokens, targetTokens),
    maxWaitMs,
    maxQueuedTexts,
    maxQueuedTokens,
  });
  return ModelWorker.start({
    info: model.info,
    tokenizer,
    scheduler: {
      mode: plan.mode,
      lanes: {
        rt: lane(config.batchMaxTokensRt, RT_TARGET_TOKENS, config.batchMaxWaitMsRt),
        bulk: lane(config.batchMaxTokensBulk, FIRST_BULK_TARGET_TOKENS, config.batchMaxWaitMsBulk),
      },
      bulkSliceMs: config.bulkSliceMs,
      bulkAgeingMs: BULK_AGEING_MS,
      now: () => performance.now(),
    },
    pools: {
      model: description,
      plan,
      cores,
      childEntry: INFERENCE_CHILD,
      batchTimeoutMs: config.batchTimeoutMs,
      maxBatchTokensBulk: config.batchMaxTokensBulk,
      probeRow: await makeProbeRow(tokenizer),
      shapeCache: config.startupProbe ? shapes : null,
      log,
    },
    checkVectors: (run) => checkVectors(model, tokenizer, run, invariance, log),
    startBulkAtOnce,
    log,
  });
}

/** An ordinary row in the model's own tokens; the probe cuts it to the length it uses. */
async function makeProbeRow(tokenizer: ModelTokenizer): Promise<TokenRow> {
  const [row] = await tokenizer.tokenize([PROBE_ROW_TEXT.repeat(PROBE_ROW_REPEATS)], null);
  if (row === undefined) throw fail('E_INTERNAL', { problem: 'the probe text made no row' });
  return row;
}

function runtimeVersion(): string {
  // From the package's own manifest: the native module is not loaded in this process. Cast: every manifest has one.
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return version;
}
