import { describe, expect, it } from 'vitest';
import { checkBatchInvariance, checkProbes, type ProbeRow } from './golden-probes.js';
import type { Manifest } from './manifest.js';

interface Row extends ProbeRow {
  readonly value: number;
}

const rows: Row[] = [1, 2, 3].map((value) => ({ value, fullLength: value * 10 }));
const outliers: Row[] = [{ value: 50, fullLength: 60 }];

/** Two floats a row, each of the row alone. */
async function steady(batch: readonly Row[]): Promise<Float32Array> {
  return Float32Array.from(batch.flatMap(({ value }) => [value, 1]));
}

/** As dynamic quantisation: one scale for the whole batch. */
async function shared(batch: readonly Row[]): Promise<Float32Array> {
  const step = Math.max(...batch.map(({ value }) => value)) / 4;
  return Float32Array.from(batch.flatMap(({ value }) => [Math.round(value / step) * step, 1]));
}

describe('checkBatchInvariance', () => {
  it('finds rows that are the same in every batch', async () => {
    expect(await checkBatchInvariance(steady, rows, outliers)).toEqual({
      invariant: true,
      bitEqual: true,
      minCosine: expect.closeTo(1, 12),
      maxAbsDelta: 0,
    });
  });

  it('finds rows that depend on their neighbours', async () => {
    const found = await checkBatchInvariance(shared, rows, outliers);
    expect(found).toMatchObject({ invariant: false, bitEqual: false });
    expect(found.maxAbsDelta).toBeGreaterThan(0.5);
  });

  it('finds rows that depend on their place', async () => {
    const byPlace = async (batch: readonly Row[]) =>
      Float32Array.from(batch.flatMap(({ value }, place) => [value, 1 + place]));
    expect(await checkBatchInvariance(byPlace, rows, outliers)).toMatchObject({ invariant: false });
  });

  it('never accepts vectors that are none', async () => {
    const broken = async (batch: readonly Row[]) => new Float32Array(batch.length * 2).fill(Number.NaN);
    expect(await checkBatchInvariance(broken, rows, outliers)).toMatchObject({ invariant: false, bitEqual: false });
  });
});

function manifest(maxSeq: number): Manifest {
  const variant = { file: 'onnx/model_int8.onnx', fingerprint: '0'.repeat(16), dim: 2, batch_invariant: true };
  return {
    schema_version: 1,
    model_id: 'a/b',
    revision: '1',
    source: 'test',
    licence: 'Apache-2.0',
    tool_version: 'embedq 0',
    created_at: '2026-01-01T00:00:00.000Z',
    files: {},
    chain: '',
    prompts: {},
    default_prompt_name: null,
    default_variant: 'int8',
    variants: { int8: { ...variant, max_seq: maxSeq } },
    golden_probes: rows.map(({ value }) => ({ text: String(value), prompt_name: null, vectors: { int8: [value, 1] } })),
  };
}

describe('checkProbes', () => {
  const check = { model: 'm', variant: 'int8', maxSeq: 64, manifest: manifest(64), rows, run: steady };

  it('compares every probe with the vectors of its variant', async () => {
    expect(await checkProbes(check)).toMatchObject({ compared: 3, maxAbsDelta: 0 });
  });

  it('says nothing about a variant that the manifest does not know', async () => {
    expect(await checkProbes({ ...check, variant: 'onnx/other.onnx' })).toBeNull();
  });

  it('refuses vectors of another space, telling which probe and how far', async () => {
    const third = async (batch: readonly Row[]) =>
      Float32Array.from(batch.flatMap(({ value }) => (value === 3 ? [1, -3] : [value, 1])));
    await expect(checkProbes({ ...check, run: third })).rejects.toMatchObject({
      code: 'E_MODEL_PROBES_FAILED',
      details: { probe: 2, cosine: expect.closeTo(0, 6), limit: 0.999 },
    });
  });

  it('refuses vectors of another length, or none', async () => {
    const longer = async () => Float32Array.of(1, 1, 1);
    await expect(checkProbes({ ...check, run: longer })).rejects.toMatchObject({ code: 'E_MODEL_PROBES_FAILED' });
    const none = async () => Float32Array.of(Number.NaN, Number.NaN);
    await expect(checkProbes({ ...check, run: none })).rejects.toMatchObject({ code: 'E_MODEL_PROBES_FAILED' });
  });

  it('leaves out probes that another max_seq cuts', async () => {
    expect(await checkProbes({ ...check, maxSeq: 20 })).toMatchObject({ compared: 2 });
    expect(await checkProbes({ ...check, maxSeq: 64, manifest: manifest(15) })).toMatchObject({ compared: 1 });
  });
});
