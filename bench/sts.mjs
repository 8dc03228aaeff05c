// npm run bench:sts: what quantisation costs in quality. Spearman's rank correlation (x 100) between the cosine of
// each sentence pair of STS Benchmark dev and its human score, for the bundled int8 file and for fp32.
//
//   npm run bench:sts -- [--shared ../shared]
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createEmbedder } from 'embedq';

const ROOT = path.resolve(import.meta.dirname, '..');
const { values } = parseArgs({ options: { shared: { type: 'string', default: path.resolve(ROOT, '../shared') } } });

/** Rows of `sentence,sentence,score`; a field with a comma or quote in it is quoted, quotes are doubled. */
function parseCsv(text) {
  const rows = [];
  for (const line of text.trim().split('\n')) {
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)];
    rows.push(fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain));
  }
  return rows;
}

/** Ranks from 1; equal values share the mean of theirs. */
function ranksOf(values) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end += 1;
    for (let i = start; i < end; i += 1) ranks[order[i]] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

function pearson(a, b) {
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const sum = (term) => a.reduce((total, _, i) => total + term(i), 0);
  const covariance = sum((i) => (a[i] - meanA) * (b[i] - meanB));
  return covariance / Math.sqrt(sum((i) => (a[i] - meanA) ** 2) * sum((i) => (b[i] - meanB) ** 2));
}

const pairs = parseCsv(await readFile(path.join(values.shared, 'data/stsb-en-dev.csv'), 'utf8'));
const scores = pairs.map(([, , score]) => Number(score));
if (pairs.some((fields) => fields.length !== 3) || scores.some(Number.isNaN))
  throw new Error('the CSV is not as expected');
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

console.log(`STS Benchmark dev, ${pairs.length} pairs, Spearman x 100`);
const results = {};
for (const [variant, folder] of [
  ['fp32', path.join(values.shared, 'models/all-MiniLM-L6-v2')],
  ['int8', path.join(ROOT, 'models/all-MiniLM-L6-v2')],
]) {
  const embedder = await createEmbedder({ models: [{ folder, alias: 'minilm', variant, maxSeq: 256 }] });
  const texts = pairs.flatMap((pair) => pair.slice(0, 2));
  const { vectors } = await embedder.embedTexts(texts, { profile: 'bulk' });
  await embedder.close();
  const cosines = pairs.map((_, i) => dot(vectors[2 * i], vectors[2 * i + 1]));
  results[variant] = 100 * pearson(ranksOf(cosines), ranksOf(scores));
  console.log(`${variant}: ${results[variant].toFixed(2)}  (${embedder.models[0].fingerprint})`);
}
console.log(`difference: ${(results.int8 - results.fp32).toFixed(2)}`);
