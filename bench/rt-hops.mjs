// npm run bench:rt-hops: where the milliseconds of an rt call go. The same short queries through bare onnxruntime-node,
// the tokenizer alone, one inference child alone and the whole library, alternating in blocks.
//
//   npm run bench:rt-hops -- [--every-ms 50] [--variant int8] [--shared ../shared]
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createEmbedder } from 'embedq';
import { InferenceChild } from '../dist/inference/inference-child.js';
import { createTokenizer } from '../dist/inference/tokenizer.js';
import { readModelRepository } from '../dist/models/repository.js';
import { startBare } from './bare-process.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    'every-ms': { type: 'string', default: '50' },
    variant: { type: 'string', default: 'int8' },
    shared: { type: 'string', default: path.resolve(ROOT, '../shared') },
  },
});
const EVERY_MS = Number(values['every-ms']);
const BLOCKS = 8;
const BLOCK = 40;
const CORES = os.availableParallelism();

const folder = path.join(values.shared, 'models/all-MiniLM-L6-v2');
const description = await readModelRepository({ folder, name: 'bench', variant: values.variant, maxSeq: 256 });
const tokenizer = await createTokenizer(description);
const lines = (await readFile(path.join(values.shared, 'bench/queries.jsonl'), 'utf8')).trim().split('\n');
const queries = lines.slice(0, BLOCKS * BLOCK).map((line) => JSON.parse(line).text);
const rows = await tokenizer.tokenize(queries, null);

const bare = startBare();
await bare.ask('load', { file: description.graph.file, threads: CORES, spinning: false });
const child = await InferenceChild.start({
  entry: new URL('../dist/start/inference-child.js', import.meta.url),
  model: description,
  threads: CORES,
  niceness: 0,
  batchTimeoutMs: 60_000,
});
const embedder = await createEmbedder({ models: [{ folder, alias: 'bench', variant: values.variant, maxSeq: 256 }] });

const measured = { 'bare run': [], 'tokenise alone': [], 'child, without its computing': [], library: [] };
async function timed(list, block, call) {
  for (let i = block * BLOCK; i < (block + 1) * BLOCK; i += 1) {
    const startedAtMs = performance.now();
    const computeMs = (await call(i)) ?? 0;
    list.push(performance.now() - startedAtMs - computeMs);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
for (let block = -1; block < BLOCKS; block += 1) {
  // The first round only warms everything up.
  const part = Math.max(block, 0);
  const own = rows.slice(part * BLOCK, (part + 1) * BLOCK).map((row) => Array.from(row.ids));
  measured['bare run'].push(...(await bare.ask('latency', { rows: own, everyMs: EVERY_MS })));
  await timed(measured['tokenise alone'], part, async (i) => void (await tokenizer.tokenize([queries[i]], null)));
  await timed(measured['child, without its computing'], part, async (i) => (await child.run([rows[i]])).computeMs);
  await timed(measured.library, part, async (i) => void (await embedder.embedTexts([queries[i]])));
  if (block < 0) for (const list of Object.values(measured)) list.length = 0;
}
await embedder.close();
await child.stop();
bare.stop();

console.log(`${values.variant}, a query every ${EVERY_MS} ms, ms at p50 / p90 / p99`);
for (const [name, list] of Object.entries(measured)) {
  list.sort((a, b) => a - b);
  const at = (share) => list[Math.min(list.length - 1, Math.floor(list.length * share))].toFixed(2);
  console.log(`${name.padEnd(30)} ${at(0.5)} / ${at(0.9)} / ${at(0.99)}`);
}
