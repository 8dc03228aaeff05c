import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTokenizerConfig } from './tokenizer-config.js';
import type { TransformerConfig } from './transformer-config.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'embedq-tokenizer-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, json: unknown): void {
  writeFileSync(path.join(folder, file), JSON.stringify(json));
}

function read(padTokenId: number | null = null) {
  const transformer: TransformerConfig = {
    architecture: 'bert',
    positions: 512,
    positionsAfterPadding: false,
    hiddenSize: 8,
    padTokenId,
    maxSeqLength: null,
    lowercase: false,
  };
  return readTokenizerConfig({ model: 'm', folder, filesRead: new Set() }, '', transformer);
}

describe('the padding id', () => {
  it.each([
    ['an added token', { model: {}, added_tokens: [{ id: 7, content: '<pad>' }] }],
    ['a vocabulary by token', { model: { vocab: { a: 0, '<pad>': 7 } } }],
    ['a Unigram vocabulary', { model: { vocab: [...'abcdefg'].map((c) => [c, 0]).concat([['<pad>', 0]]) } }],
  ])('is that of the padding token, found as %s', async (_, tokenizer) => {
    write('tokenizer.json', tokenizer);
    write('tokenizer_config.json', { pad_token: { content: '<pad>' } });
    expect((await read(1)).description.padId).toBe(7);
  });

  it('is taken from config.json, then from tokenizer.json, where no padding token is named', async () => {
    write('tokenizer.json', { model: {}, padding: { pad_id: 5 } });
    expect((await read(1)).description.padId).toBe(1);
    expect((await read()).description.padId).toBe(5);
  });

  it('is refused where the vocabulary lacks the padding token', async () => {
    write('tokenizer.json', { model: { vocab: { a: 0 } } });
    write('special_tokens_map.json', { pad_token: '[PAD]' });
    await expect(read()).rejects.toMatchObject({ code: 'E_MODEL_FILE_CORRUPT', details: { file: 'tokenizer.json' } });
  });
});
