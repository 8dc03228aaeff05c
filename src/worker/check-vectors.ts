// Decides whether a loaded model may answer: its golden probes must come out as the manifest says, and its vectors
// must not depend on which texts share a batch. Both are found by running it, through the process that will serve.
import { z } from 'zod';
import type { Logger } from '../contracts/log.js';
import { fail } from '../errors.js';
import type { MeasurementCache } from '../inference/measurement-cache.js';
import { tokenizeProbes } from '../inference/probe-rows.js';
import type { TokenRow } from '../inference/token-row.js';
import type { ModelTokenizer } from '../inference/tokenizer.js';
import { type BatchInvariance, checkBatchInvariance, checkProbes, type RunRows } from '../models/golden-probes.js';
import type { LoadedModel } from './load-model.js';

const BATCH_DEPENDENT_WARNING =
  "This file's vectors depend on which other texts share their batch; it is served because it was named explicitly.";

export const batchInvarianceSchema = z.object({
  invariant: z.boolean(),
  bitEqual: z.boolean(),
  minCosine: z.number(),
  maxAbsDelta: z.number(),
});

export interface VectorVerdict {
  readonly batchInvariant: boolean;
  /** For every answer. */
  readonly warnings: readonly string[];
}

/**
 * @param known what an earlier start on this machine found out about batch invariance
 * @throws E_MODEL_PROBES_FAILED; E_MODEL_BATCH_DEPENDENT where the file was not named explicitly
 */
export async function checkVectors(
  model: LoadedModel,
  tokenizer: ModelTokenizer,
  run: RunRows<TokenRow>,
  known: MeasurementCache<BatchInvariance>,
  log: Logger,
): Promise<VectorVerdict> {
  const { info, manifest } = model;
  const { manifestProbes, probes, outliers } = await tokenizeProbes(tokenizer, model.description, manifest);
  if (manifest !== null) {
    const { alias, variant, maxSeq } = info;
    await checkProbes({ model: alias, variant, maxSeq, manifest, rows: manifestProbes, run });
  }
  const kept = await known.read();
  const invariance = kept ?? (await checkBatchInvariance(run, probes, outliers));
  if (kept === null && !(await known.write(invariance))) {
    log.warn(
      { model: info.alias },
      'MODELS_CACHE_DIR cannot be written: every start will check batch invariance again',
    );
  }
  if (invariance.invariant) return { batchInvariant: true, warnings: [] };
  const { alias, file } = info;
  const { minCosine, maxAbsDelta } = invariance;
  if (!model.description.variantNamed) {
    throw fail('E_MODEL_BATCH_DEPENDENT', { model: alias, file, minCosine, maxAbsDelta });
  }
  log.warn({ model: alias, file, minCosine, maxAbsDelta }, BATCH_DEPENDENT_WARNING);
  return { batchInvariant: false, warnings: [BATCH_DEPENDENT_WARNING] };
}
