// A text's vector has the same bits alone, first, last and in the middle of any batch; and a file of which that is
// not true is found by running it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GraphSession } from '../../src/inference/graph-session.js';
import { tokenizeProbes } from '../../src/inference/probe-rows.js';
import { createTokenizer } from '../../src/inference/tokenizer.js';
import { computeFingerprint } from '../../src/models/fingerprint.js';
import { checkBatchInvariance, checkProbes } from '../../src/models/golden-probes.js';
import { readManifest, verifyFiles } from '../../src/models/manifest.js';
import { readModelRepository } from '../../src/models/repository.js';

const BUNDLED = path.resolve(import.meta.dirname, '../../models/all-MiniLM-L6-v2');
const SHARED = path.resolve(import.meta.dirname, '../../../shared/models/all-MiniLM-L6-v2');

async function open(folder: string, variant: string, threads: number) {
  const description = await readModelRepository({ folder, name: 'minilm', variant });
  const tokenizer = await createTokenizer(description);
  const session = await GraphSession.create(description, { threads });
  return { description, tokenizer, session };
}

const threadCounts = [1, 2];
const files = [
  { folder: BUNDLED, variant: 'int8' },
  { folder: SHARED, variant: 'fp32' },
].flatMap((file) => threadCounts.map((threads) => ({ ...file, threads })));

describe.each(files)('$variant with $threads threads', ({ folder, variant, threads }) => {
  const isHere = existsSync(folder);

  it.skipIf(!isHere)('gives the same bits alone, first, last and in the middle', async () => {
    const { description, tokenizer, session } = await open(folder, variant, threads);
    const { dim } = description;
    const texts = ['Hello world', '', 'a '.repeat(40), 'The quick brown fox. '.repeat(12), '你好，世界 😀', 'word'];
    const rows = await tokenizer.tokenize(texts, null);
    for (const row of rows) {
      const alone = await session.run([row]);
      const others = rows.filter((other) => other !== row);
      for (const place of [0, 2, others.length]) {
        const vectors = await session.run(others.toSpliced(place, 0, row));
        expect(vectors.slice(place * dim, (place + 1) * dim)).toEqual(alone);
      }
    }
    await session.close();
  });

  it.skipIf(!isHere)('passes its probes beside outliers, bit for bit', async () => {
    const { description, tokenizer, session } = await open(folder, variant, threads);
    const { probes, outliers } = await tokenizeProbes(tokenizer, description, null);
    const found = await checkBatchInvariance((rows) => session.run(rows), probes, outliers);
    await session.close();
    expect(found).toMatchObject({ invariant: true, bitEqual: true, maxAbsDelta: 0 });
  });
});

it.skipIf(!existsSync(SHARED))('finds that ordinary dynamic int8 depends on its batch', async () => {
  const { description, tokenizer, session } = await open(SHARED, 'onnx/model_quint8_avx2.onnx', 1);
  const { probes, outliers } = await tokenizeProbes(tokenizer, description, null);
  const found = await checkBatchInvariance((rows) => session.run(rows), probes, outliers);
  await session.close();
  expect(found).toMatchObject({ invariant: false, bitEqual: false });
  expect(found.minCosine).toBeLessThan(0.99);
});

describe('the bundled model', () => {
  it('is what its manifest says: files, fingerprint, probes', async () => {
    const manifest = await readManifest(BUNDLED);
    if (manifest === null) throw new Error('the bundled model has no manifest.json');
    const { description, tokenizer, session } = await open(BUNDLED, 'int8', 1);
    const hashes = await verifyFiles(BUNDLED, manifest, description.files);
    const { fingerprint } = await computeFingerprint(description, hashes);
    expect(manifest.variants['int8']).toMatchObject({ fingerprint, dim: 384, max_seq: 256, batch_invariant: true });
    const { manifestProbes } = await tokenizeProbes(tokenizer, description, manifest);
    expect(manifestProbes.some((row) => row.fullLength > description.maxSeq)).toBe(true);
    const agreement = await checkProbes({
      model: 'minilm',
      variant: 'int8',
      maxSeq: description.maxSeq,
      manifest,
      rows: manifestProbes,
      run: (rows) => session.run(rows),
    });
    await session.close();
    expect(agreement).toMatchObject({ compared: manifest.golden_probes.length });
    expect(Object.keys(manifest.files)).toEqual(
      expect.arrayContaining([...description.files, 'LICENSE', 'PROVENANCE.md']),
    );
  });

  it.skipIf(!existsSync(SHARED))('holds fp32 vectors that the fp32 file confirms', async () => {
    const manifest = await readManifest(BUNDLED);
    if (manifest === null) throw new Error('the bundled model has no manifest.json');
    const { description, tokenizer, session } = await open(SHARED, 'fp32', 2);
    const { manifestProbes } = await tokenizeProbes(tokenizer, description, manifest);
    const agreement = await checkProbes({
      model: 'minilm',
      variant: 'fp32',
      maxSeq: description.maxSeq,
      manifest,
      rows: manifestProbes,
      run: (rows) => session.run(rows),
    });
    await session.close();
    expect(agreement?.minCosine).toBeGreaterThan(0.999999);
  });
});
