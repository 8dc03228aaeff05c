// Golden probes: a few texts whose vectors are known. They are run before a model counts as ready, and they tell
// whether its vectors depend on which texts share a batch. Both are found by running the model, not by looking at
// the graph's operators. Works over anything that can run rows: a session, or inference processes.
import { fail } from '../errors.js';
import type { Manifest } from './manifest.js';
import { cosine, maxAbsDelta } from './vector-distance.js';

/** Computes one batch: rows.length * dim floats, in the order of the rows. */
export type RunRows<Row> = (rows: readonly Row[]) => Promise<Float32Array>;

/** What a row must tell for its probe to be compared. `TokenRow` does. */
export interface ProbeRow {
  /** Tokens before truncation, special tokens included. */
  readonly fullLength: number;
}

/** Short, empty, other scripts and signs, an ordinary sentence, and one longer than any max_seq below 3000. */
export const GOLDEN_PROBE_TEXTS: readonly string[] = [
  'Hello world',
  '',
  'Naïve café, ΟΔΟΣ & Straße: 你好，мир! 😀 "quoted" (1,000.50 €)',
  'The worker takes a batch from its queue, computes the vectors and answers every caller in order.',
  Array.from({ length: 500 }, (_, i) => `part ${i} of a long text`).join(', '),
];

/** Texts that stretch what a graph sees beside a probe: noise, digits, and a run of signs. */
export const OUTLIER_TEXTS: readonly string[] = [pseudoRandomText(16), '1234567890 '.repeat(12), '!'.repeat(60)];

/** On another CPU a quantised model's activations can round to the next step; float32 differs in its last bits. */
const MIN_OWN_COSINE = { fp32: 0.9999, quantised: 0.999 } as const;

/**
 * Static and float models agree to the last bit, or to a few of them where a CPU computes other batch shapes by
 * other kernels (cosine above 0.99999); dynamic quantisation was measured at 0.95 to 0.99.
 */
const MIN_INVARIANT_COSINE = 0.9999;

export interface ProbeAgreement {
  /** How many probes were compared. */
  readonly compared: number;
  readonly minCosine: number;
  readonly maxAbsDelta: number;
}

export interface ProbeCheck<Row extends ProbeRow> {
  /** For messages. */
  readonly model: string;
  /** As in the manifest: `fp32`, `int8` or a path. */
  readonly variant: string;
  /** The model's longest input; probes that either max_seq cuts are compared only where both are the same. */
  readonly maxSeq: number;
  readonly manifest: Manifest;
  /** One a probe of the manifest, in its order. */
  readonly rows: readonly Row[];
  readonly run: RunRows<Row>;
}

/**
 * Runs the manifest's probes and compares them with the variant's own vectors.
 * @returns null where the manifest knows no vectors of this variant
 * @throws E_MODEL_PROBES_FAILED
 */
export async function checkProbes<Row extends ProbeRow>(check: ProbeCheck<Row>): Promise<ProbeAgreement | null> {
  const { model, variant, manifest } = check;
  const limit = variant === 'fp32' ? MIN_OWN_COSINE.fp32 : MIN_OWN_COSINE.quantised;
  const expectedMaxSeq = manifest.variants[variant]?.max_seq ?? check.maxSeq;
  const uncut = Math.min(expectedMaxSeq, check.maxSeq);
  let compared = 0;
  let minCosine = 1;
  let largestDelta = 0;
  for (const [index, probe] of manifest.golden_probes.entries()) {
    const expected = probe.vectors[variant];
    const row = check.rows[index];
    if (expected === undefined || row === undefined) continue;
    if (expectedMaxSeq !== check.maxSeq && row.fullLength > uncut) continue;
    const vector = await check.run([row]);
    const wanted = Float32Array.from(expected);
    const similarity = vector.length === wanted.length ? cosine(vector, wanted) : Number.NaN;
    const delta = maxAbsDelta(vector, wanted);
    // Written so that NaN fails too.
    if (!(similarity >= limit)) {
      throw fail('E_MODEL_PROBES_FAILED', { model, probe: index, cosine: similarity, maxAbsDelta: delta, limit });
    }
    compared++;
    minCosine = Math.min(minCosine, similarity);
    largestDelta = Math.max(largestDelta, delta);
  }
  return compared === 0 ? null : { compared, minCosine, maxAbsDelta: largestDelta };
}

export interface BatchInvariance {
  /** False: vectors depend on which other texts share their batch. */
  readonly invariant: boolean;
  /** True: the same bits in every batch. */
  readonly bitEqual: boolean;
  readonly minCosine: number;
  readonly maxAbsDelta: number;
}

/**
 * Runs every probe alone, then in batches with outliers.
 * @param probes rows of `GOLDEN_PROBE_TEXTS`
 * @param outliers rows of `OUTLIER_TEXTS`
 */
export async function checkBatchInvariance<Row>(
  run: RunRows<Row>,
  probes: readonly Row[],
  outliers: readonly Row[],
): Promise<BatchInvariance> {
  const alone = new Map<Row, Float32Array>();
  for (const probe of probes) alone.set(probe, await run([probe]));
  let minCosine = 1;
  let largestDelta = 0;
  for (const batch of mixedBatches(probes, outliers)) {
    const vectors = await run(batch);
    const dim = vectors.length / batch.length;
    for (const [index, row] of batch.entries()) {
      const expected = alone.get(row);
      if (expected === undefined) continue;
      const vector = vectors.subarray(index * dim, (index + 1) * dim);
      // Math.min and Math.max keep a NaN, and no limit accepts one: a vector that is none never passes.
      minCosine = Math.min(minCosine, cosine(vector, expected));
      largestDelta = Math.max(largestDelta, maxAbsDelta(vector, expected));
    }
  }
  return {
    invariant: minCosine >= MIN_INVARIANT_COSINE,
    bitEqual: largestDelta === 0,
    minCosine,
    maxAbsDelta: largestDelta,
  };
}

/**
 * Few, because every first start on a machine pays for them: the first probe beside each outlier alone, where a scale
 * taken from the batch moves it most, and all of them together, where every row is padded and has neighbours.
 */
function mixedBatches<Row>(probes: readonly Row[], outliers: readonly Row[]): Row[][] {
  const beside = outliers.map((outlier) => [...probes.slice(0, 1), outlier]);
  return [...beside, [...outliers, ...probes]];
}

/** Always the same: a linear congruential generator (Numerical Recipes' constants), written in base 36. */
function pseudoRandomText(words: number): string {
  let state = 1;
  return Array.from({ length: words }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(36);
  }).join(' ');
}
