#!/usr/bin/env node
// Writes models/all-MiniLM-L6-v2/manifest.json: hashes, fingerprint, and golden probes with the bundled file's own
// vectors and those of an fp32 file, which is given as a folder and is not part of this repository.
// Usage, after `npm run build`: node scripts/make-bundled-manifest.mjs FOLDER_WITH_FP32
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GraphSession } from '../dist/inference/graph-session.js';
import { tokenizeProbes } from '../dist/inference/probe-rows.js';
import { createTokenizer } from '../dist/inference/tokenizer.js';
import { buildManifest } from '../dist/models/build-manifest.js';
import { checkBatchInvariance, GOLDEN_PROBE_TEXTS } from '../dist/models/golden-probes.js';
import { formatManifest } from '../dist/models/manifest.js';
import { readModelRepository } from '../dist/models/repository.js';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'models/all-MiniLM-L6-v2');
const fp32Folder = process.argv[2];
if (fp32Folder === undefined) {
  console.error('Usage: node scripts/make-bundled-manifest.mjs FOLDER_WITH_FP32');
  process.exit(2);
}

async function runProbes(description) {
  const tokenizer = await createTokenizer(description);
  const session = await GraphSession.create(description, { threads: 1 });
  const { probes, outliers } = await tokenizeProbes(tokenizer, description, null);
  const vectors = [];
  for (const row of probes) vectors.push(await session.run([row]));
  const invariance = await checkBatchInvariance((rows) => session.run(rows), probes, outliers);
  await session.close();
  return { vectors, invariance };
}

const int8 = await readModelRepository({ folder, name: 'bundled', variant: 'int8' });
const fp32 = await readModelRepository({ folder: fp32Folder, name: 'fp32', variant: 'fp32' });
const own = await runProbes(int8);
const reference = await runProbes(fp32);
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

const manifest = await buildManifest(
  {
    modelId: 'sentence-transformers/all-MiniLM-L6-v2',
    revision: 'embedq-1',
    source: 'sentence-transformers/all-MiniLM-L6-v2 of the Hugging Face hub; see PROVENANCE.md',
    licence: 'Apache-2.0',
    toolVersion: `embedq ${version}`,
    createdAt: new Date(),
  },
  [{ description: int8, batchInvariant: own.invariance.invariant }],
  GOLDEN_PROBE_TEXTS.map((text, i) => ({
    text,
    promptName: null,
    vectors: { int8: own.vectors[i], fp32: reference.vectors[i] },
  })),
);
await writeFile(path.join(folder, 'manifest.json'), formatManifest(manifest));
console.log(
  `${int8.variant}: fingerprint ${manifest.variants.int8.fingerprint}, batch-invariant ${own.invariance.bitEqual}`,
);
