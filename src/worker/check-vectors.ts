// Decides whether a loaded model may answer: its golden probes must come out as the manifest says, and its vectors
// must not depend on which texts share a batch. Both are found by running it, through the process that will serve.
import { z } from 'zod';
import type { Logger } from '../contracts/log.js';
import { fail } from '../errors.js';
import type { MeasurementCache } from '../inference/measurement-cache.js';
import type { TokenRow } from '../inference/token-row.js';
import type { ModelTokenizer } from '../inference/tokenizer.js';
import {
  type BatchInvariance,
  checkBatchInvariance,
  checkProbes,
  GOLDEN_PROBE_TEXTS,
  OUTLIER_TEXTS,
  type RunRows,
} from '../models/golden-probes.js';
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
  await checkOwnProbes(model, tokenizer, run);
  const invariance = await findInvariance(tokenizer, run, known);
  if (invariance.invariant) return { batchInvariant: true, warnings: [] };
  const { alias, file } = model.info;
  const { minCosine, maxAbsDelta } = invariance;
  if (!model.description.variantNamed) {
    throw fail('E_MODEL_BATCH_DEPENDENT', { model: alias, file, minCosine, maxAbsDelta });
  }
  log.warn({ model: alias, file, minCosine, maxAbsDelta }, BATCH_DEPENDENT_WARNING);
  return { batchInvariant: false, warnings: [BATCH_DEPENDENT_WARNING] };
}

async function checkOwnProbes(
  { manifest, info }: LoadedModel,
  tokenizer: ModelTokenizer,
  run: RunRows<TokenRow>,
): Promise<void> {
  if (manifest === null) return;
  const rows: TokenRow[] = [];
  for (const probe of manifest.golden_probes) {
    const promptName = probe.prompt_name ?? info.defaultPromptName;
    const prompt = promptName === null ? '' : (info.prompts[promptName] ?? '');
    rows.push(...(await tokenizer.tokenize([probe.text], prompt === '' ? null : { text: prompt })));
  }
  await checkProbes({ model: info.alias, variant: info.variant, maxSeq: info.maxSeq, manifest, rows, run });
}

async function findInvariance(
  tokenizer: ModelTokenizer,
  run: RunRows<TokenRow>,
  known: MeasurementCache<BatchInvariance>,
): Promise<BatchInvariance> {
  const kept = await known.read();
  if (kept !== null) return kept;
  const probes = await tokenizer.tokenize(GOLDEN_PROBE_TEXTS, null);
  const outliers = await tokenizer.tokenize(OUTLIER_TEXTS, null);
  const found = await checkBatchInvariance(run, probes, outliers);
  await known.write(found);
  return found;
}
