// Every golden vector of sentence-transformers that is at hand, through tokenizer and graph: alone and in batches.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphSession } from '../../src/inference/graph-session.js';
import type { TokenRow } from '../../src/inference/token-row.js';
import { createTokenizer } from '../../src/inference/tokenizer.js';
import type { ModelDescription } from '../../src/models/description.js';
import { readModelRepository } from '../../src/models/repository.js';
import { cosine, maxAbsDelta } from '../../src/models/vector-distance.js';

const SHARED = path.resolve(import.meta.dirname, '../../../shared');
const TINY = path.join(SHARED, 'models/tiny');
const MINILM = path.join(SHARED, 'models/all-MiniLM-L6-v2');

/** What the oracle's vectors are held to. */
const MIN_COSINE = 0.99999;
const MAX_ABS_DELTA = 2e-5;

interface GoldenRow {
  readonly text: string;
  /** Null or absent: the model's default prompt, as in the library. */
  readonly promptName?: string | null;
  readonly vector: readonly number[];
}

function readGolden(file: string): GoldenRow[] {
  // Cast: the files are made by this project's oracle, and the assertions would notice any other content.
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as GoldenRow);
}

async function tokenizeGolden(description: ModelDescription, golden: readonly GoldenRow[]): Promise<TokenRow[]> {
  const tokenizer = await createTokenizer(description);
  const rows: TokenRow[] = [];
  for (const { text, promptName } of golden) {
    const name = promptName ?? description.defaultPromptName;
    const prompt = name === null ? null : { text: description.prompts[name] ?? '' };
    rows.push(...(await tokenizer.tokenize([text], prompt)));
  }
  return rows;
}

function expectGolden(vector: Float32Array, golden: GoldenRow): void {
  const wanted = Float32Array.from(golden.vector);
  expect(vector.length).toBe(wanted.length);
  const label = JSON.stringify(golden.text.slice(0, 40));
  expect(cosine(vector, wanted), `cosine of ${label}`).toBeGreaterThanOrEqual(MIN_COSINE);
  expect(maxAbsDelta(vector, wanted), `max |Δ| of ${label}`).toBeLessThanOrEqual(MAX_ABS_DELTA);
}

const models = existsSync(SHARED)
  ? [
      ...readdirSync(TINY).map((name) => ({
        name,
        folder: path.join(TINY, name),
        golden: path.join(TINY, name, 'golden.jsonl'),
      })),
      { name: 'all-MiniLM-L6-v2 fp32', folder: MINILM, golden: path.join(SHARED, 'golden/minilm.jsonl') },
    ]
  : [];

if (models.length === 0) it.skip('golden vectors are not checked: there is no ../shared', () => {});

describe.each(models)('$name', ({ name, folder, golden: goldenFile }) => {
  const golden = readGolden(goldenFile);
  let description: ModelDescription;
  let session: GraphSession;
  let rows: TokenRow[];

  beforeAll(async () => {
    description = await readModelRepository({ folder, name });
    session = await GraphSession.create(description, { threads: 1 });
    rows = await tokenizeGolden(description, golden);
  });
  afterAll(() => session.close());

  it('gives the golden vector of every text alone', async () => {
    for (const [i, row] of rows.entries()) expectGolden(await session.run([row]), golden[i] as GoldenRow);
  });

  it('gives the golden vectors in mixed batches, with the same bits as alone', async () => {
    const { dim } = description;
    const batchTexts = 9;
    for (let start = 0; start < rows.length; start += batchTexts) {
      const batch = rows.slice(start, start + batchTexts);
      const vectors = await session.run(batch);
      for (const [i, row] of batch.entries()) {
        const vector = vectors.subarray(i * dim, (i + 1) * dim);
        expectGolden(vector, golden[start + i] as GoldenRow);
        expect(maxAbsDelta(vector, await session.run([row]))).toBe(0);
      }
    }
  });
});
