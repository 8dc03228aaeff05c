import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModelRepository } from './repository.js';

const TINY = path.resolve(import.meta.dirname, '../../../shared/models/tiny');
const BUNDLED = path.resolve(import.meta.dirname, '../../models/all-MiniLM-L6-v2');

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'embedq-repository-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function edit(folder: string, file: string, changes: Record<string, unknown>): void {
  const json = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  writeFileSync(path.join(folder, file), JSON.stringify({ ...json, ...changes }));
}

it('reads the bundled model, and names every file that decides its vectors', async () => {
  expect(await readModelRepository({ folder: BUNDLED, name: 'minilm', variant: 'int8' })).toMatchObject({
    variant: 'int8',
    weightsFile: 'onnx/model_int8.onnx',
    variantNamed: true,
    dim: 384,
    maxSeq: 256,
    chainInWords: 'mean pooling → normalize',
    files: [
      '1_Pooling/config.json',
      'config.json',
      'config_sentence_transformers.json',
      'modules.json',
      'onnx/model_int8.onnx',
      'sentence_bert_config.json',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ],
  });
});

it('calls a file by the name of its variant, however it was written', async () => {
  const request = { folder: BUNDLED, name: 'minilm' };
  expect(await readModelRepository({ ...request, variant: './onnx/model_int8.onnx' })).toMatchObject({
    variant: 'int8',
  });
  const byDefault = await readModelRepository({ ...request, defaultVariant: 'int8' });
  expect(byDefault).toMatchObject({ variant: 'int8', variantNamed: false });
});

describe.skipIf(!existsSync(TINY))('a tiny repository', () => {
  function copyOf(name: string): string {
    const folder = path.join(root, name);
    cpSync(path.join(TINY, name), folder, { recursive: true });
    return folder;
  }

  it('takes max_seq from the first file that states it, and never beyond the position table', async () => {
    const folder = copyOf('bert-mean-legacy');
    const read = () => readModelRepository({ folder, name: 'm' });
    expect(await read()).toMatchObject({ maxSeq: 64, maxSeqSource: 'max_seq_length of sentence_bert_config.json' });
    edit(folder, 'sentence_bert_config.json', { max_seq_length: null });
    edit(folder, 'tokenizer_config.json', { model_max_length: 96 });
    expect(await read()).toMatchObject({ maxSeq: 96, maxSeqSource: 'model_max_length of tokenizer_config.json' });
    edit(folder, 'tokenizer_config.json', { model_max_length: 1e30 });
    expect(await read()).toMatchObject({ maxSeq: 128, maxSeqSource: 'the position table of config.json (128)' });
    edit(folder, 'sentence_bert_config.json', { max_seq_length: 512 });
    expect(await read()).toMatchObject({ maxSeq: 128 });
  });

  it('counts two positions less for RoBERTa and its kin', async () => {
    for (const name of ['roberta-mean', 'xlmr-cls-prompts', 'mpnet-max-legacy']) {
      expect(await readModelRepository({ folder: copyOf(name), name })).toMatchObject({ positions: 128 });
    }
  });

  it('without modules.json: is pooled by the mean and not normalised, and says so', async () => {
    const folder = copyOf('bert-cls');
    rmSync(path.join(folder, 'modules.json'));
    const description = await readModelRepository({ folder, name: 'm' });
    expect(description.chain).toEqual([{ kind: 'pooling', modes: ['mean'], includePrompt: true }]);
    expect(description.warnings).toEqual([expect.stringContaining('no modules.json')]);
  });

  it('finds the Transformer settings under an older name', async () => {
    const folder = copyOf('bert-mean-legacy');
    rmSync(path.join(folder, 'sentence_bert_config.json'));
    writeFileSync(path.join(folder, 'sentence_roberta_config.json'), '{"max_seq_length": 32, "do_lower_case": true}');
    expect(await readModelRepository({ folder, name: 'm' })).toMatchObject({
      maxSeq: 32,
      maxSeqSource: 'max_seq_length of sentence_roberta_config.json',
      tokenizer: { lowercase: true },
    });
  });

  it('concatenates 2.x modes in the order of the library, 6.x modes as listed', async () => {
    const folder = copyOf('bert-two-poolings');
    expect(await readModelRepository({ folder, name: 'm' })).toMatchObject({ chain: [{ modes: ['cls', 'mean'] }, {}] });
    edit(folder, '1_Pooling/config.json', { pooling_mode: ['mean', 'cls'], include_prompt: false });
    expect(await readModelRepository({ folder, name: 'm' })).toMatchObject({
      chain: [{ modes: ['mean', 'cls'], includePrompt: false }, {}],
      chainInWords: 'mean + cls pooling without the prompt → normalize',
    });
  });

  it('takes padding and truncation settings, and truncate_dim', async () => {
    const folder = copyOf('xlmr-cls-prompts');
    edit(folder, 'tokenizer_config.json', { truncation_side: 'left', padding_side: 'left' });
    edit(folder, 'config_sentence_transformers.json', { truncate_dim: 8 });
    expect(await readModelRepository({ folder, name: 'm', dim: 8 })).toMatchObject({
      tokenizer: { padId: 1, truncationSide: 'left', paddingSide: 'left' },
      dim: 8,
      truncateDim: 8,
    });
  });

  it('is read through the links of a Hugging Face cache', async () => {
    const blobs = path.join(root, 'models--a--b', 'blobs');
    const snapshot = path.join(root, 'models--a--b', 'snapshots', 'abc');
    cpSync(path.join(TINY, 'bert-cls'), snapshot, { recursive: true });
    mkdirSync(blobs);
    const weights = path.join(snapshot, 'onnx/model.onnx');
    cpSync(weights, path.join(blobs, 'sha'));
    rmSync(weights);
    symlinkSync('../../../blobs/sha', weights);
    expect(await readModelRepository({ folder: snapshot, name: 'm' })).toMatchObject({ dim: 32 });
  });
});
