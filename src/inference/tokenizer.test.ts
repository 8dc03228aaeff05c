import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { Tokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import type { ModelDescription, PoolingStep } from '../models/description.js';
import { readModelRepository } from '../models/repository.js';
import { createTokenizer } from './tokenizer.js';

const SHARED = path.resolve(import.meta.dirname, '../../../shared/models');
const TINY = path.join(SHARED, 'tiny');
const BUNDLED = path.resolve(import.meta.dirname, '../../models/all-MiniLM-L6-v2');
const repositories = [BUNDLED, ...(existsSync(TINY) ? readdirSync(TINY).map((name) => path.join(TINY, name)) : [])].map(
  (folder) => ({ name: path.basename(folder), folder }),
);

function describeFolder(folder: string): Promise<ModelDescription> {
  return readModelRepository({
    folder,
    name: path.basename(folder),
    ...(folder === BUNDLED ? { variant: 'int8' } : {}),
  });
}

function withTokenizer(
  description: ModelDescription,
  change: Partial<ModelDescription['tokenizer']>,
  maxSeq = description.maxSeq,
): ModelDescription {
  return { ...description, maxSeq, tokenizer: { ...description.tokenizer, ...change } };
}

function withoutPromptInPooling(description: ModelDescription): ModelDescription {
  const pooling: PoolingStep = { kind: 'pooling', modes: ['mean'], includePrompt: false };
  return { ...description, chain: [pooling] };
}

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc
    .array(fc.constantFrom('word', 'unbelievably', '[CLS]', '</s>', ' ', '\u0000', '\ud800', '你', '1.5', '\n'), {
      maxLength: 40,
    })
    .map((parts) => parts.join(' ')),
);

describe.each(repositories)('$name', ({ folder }) => {
  it.each(['left', 'right'] as const)("cuts on the %s as the library's own truncation does", async (truncationSide) => {
    const description = await describeFolder(folder);
    const maxSeq = 12;
    const tokenizer = await createTokenizer(withTokenizer(description, { truncationSide }, maxSeq));
    const library = Tokenizer.fromFile(description.tokenizer.file);
    library.disablePadding();
    library.setTruncation(maxSeq, { direction: truncationSide });
    const untruncated = Tokenizer.fromFile(description.tokenizer.file);
    untruncated.disablePadding();
    untruncated.disableTruncation();
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const [row] = await tokenizer.tokenize([text], null);
        expect(Array.from(row?.ids ?? [])).toEqual((await library.encode(text)).getIds());
        expect(row?.fullLength).toBe((await untruncated.encode(text)).getLength());
      }),
      { numRuns: 60 },
    );
  });

  it('gives a text the same row among others as alone', async () => {
    const tokenizer = await createTokenizer(await describeFolder(folder));
    const texts = Array.from({ length: 75 }, (_, i) => 'word '.repeat(i));
    const together = await tokenizer.tokenize(texts, null);
    expect(together).toHaveLength(texts.length);
    for (const index of [0, 31, 32, 74]) {
      expect(await tokenizer.tokenize(texts.slice(index, index + 1), null)).toEqual([together[index]]);
    }
  });
});

describe('the bundled tokenizer', () => {
  it("overrides the file's own truncation and padding", async () => {
    const file = JSON.parse(readFileSync(path.join(BUNDLED, 'tokenizer.json'), 'utf8'));
    expect(file.truncation.max_length).toBe(128);
    const tokenizer = await createTokenizer(await describeFolder(BUNDLED));
    const [short, long] = await tokenizer.tokenize(['one', 'word '.repeat(300)], null);
    expect(short).toMatchObject({ ids: Int32Array.of(101, 2028, 102), fullLength: 3 });
    expect(long).toMatchObject({ fullLength: 302 });
    expect(long?.ids).toHaveLength(256);
    expect(long?.ids.at(-1)).toBe(102);
  });

  it('takes an empty text, lone surrogates and NUL', async () => {
    const tokenizer = await createTokenizer(await describeFolder(BUNDLED));
    const rows = await tokenizer.tokenize(['', '\ud800', 'a\u0000b', '\udc00x'], null);
    expect(rows[0]?.ids).toEqual(Int32Array.of(101, 102));
    for (const row of rows) expect(row.ids.length).toBeGreaterThanOrEqual(2);
  });

  it('puts the prompt before the text and tokenises both as one', async () => {
    const tokenizer = await createTokenizer(await describeFolder(BUNDLED));
    const [prompted] = await tokenizer.tokenize(['lievable'], { text: 'unbe' });
    const [written] = await tokenizer.tokenize(['unbelievable'], null);
    expect(prompted).toEqual(written);
    expect(prompted?.promptTokens).toBe(0);
  });

  it('counts the tokens of a prompt that pooling leaves out: those of the prompt alone, less the last special one', async () => {
    const description = withoutPromptInPooling(await describeFolder(BUNDLED));
    const tokenizer = await createTokenizer(description);
    // [CLS] query : text [SEP]; the prompt alone is [CLS] query : [SEP].
    expect(await tokenizer.tokenize(['text'], { text: 'query: ' })).toMatchObject([{ promptTokens: 3, fullLength: 5 }]);
    expect(await tokenizer.tokenize(['text'], null)).toMatchObject([{ promptTokens: 0 }]);
    const cut = await createTokenizer(withTokenizer(description, {}, 8));
    expect(await cut.tokenize(['text'], { text: 'query '.repeat(20) })).toMatchObject([{ promptTokens: 7 }]);
  });

  it("takes the model's own ids, and adds special tokens", async () => {
    const tokenizer = await createTokenizer(await describeFolder(BUNDLED));
    const rows = await tokenizer.tokenize(['hello world', [7592, 2088], [], new Array(400).fill(7592)], null);
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[2]?.ids).toEqual(Int32Array.of(101, 102));
    expect(rows[3]).toMatchObject({ fullLength: 402 });
    expect(rows[3]?.ids).toHaveLength(256);
    const [prompted] = await tokenizer.tokenize([[2088]], { text: 'hello ' });
    expect(prompted?.ids).toEqual(rows[0]?.ids);
  });

  it.each([30522, -1, 1.5, 2 ** 40, Number.NaN])('refuses the id %s', async (tokenId) => {
    const tokenizer = await createTokenizer(await describeFolder(BUNDLED));
    await expect(tokenizer.tokenize(['text', [7592, tokenId]], null)).rejects.toMatchObject({
      code: 'E_TOKEN_ID_UNKNOWN',
      details: { index: 1, tokenId },
    });
  });

  it('refuses a max_seq that special tokens alone fill', async () => {
    const description = withTokenizer(await describeFolder(BUNDLED), {}, 2);
    await expect(createTokenizer(description)).rejects.toMatchObject({ code: 'E_MODEL_UNSUPPORTED' });
  });
});
