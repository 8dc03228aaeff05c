import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChainStep, ModelDescription } from './description.js';
import { computeFingerprint } from './fingerprint.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'embedq-fingerprint-'));
  writeFileSync(path.join(folder, 'a.onnx'), 'weights a');
  writeFileSync(path.join(folder, 'b.onnx'), 'weights b');
  writeFileSync(path.join(folder, 'data'), 'external data');
  writeFileSync(path.join(folder, 'tokenizer.json'), '{"a":1}');
  writeFileSync(path.join(folder, 'other-tokenizer.json'), '{"a":2}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pooling = { kind: 'pooling', modes: ['mean'], includePrompt: true } as const;
const dense = {
  kind: 'dense',
  inFeatures: 2,
  outFeatures: 2,
  weight: Float32Array.of(1, 2, 3, 4),
  bias: Float32Array.of(0, 0),
  activation: 'tanh',
  useResidual: false,
} as const;
const layerNorm = { kind: 'layer_norm', weight: Float32Array.of(1), bias: Float32Array.of(0), epsilon: 1e-5 } as const;
const normalize = { kind: 'normalize' } as const;
const chain: readonly ChainStep[] = [pooling, dense, layerNorm, normalize];

function description(): ModelDescription {
  return {
    name: 'm',
    folder,
    variant: 'fp32',
    weightsFile: 'a.onnx',
    externalDataFiles: [],
    files: [],
    variantNamed: false,
    architecture: 'bert',
    dim: 2,
    maxSeq: 64,
    maxSeqSource: 'configured',
    positions: 128,
    tokenizer: {
      file: path.join(folder, 'tokenizer.json'),
      padId: 0,
      paddingSide: 'right',
      truncationSide: 'right',
      lowercase: false,
    },
    graph: {
      file: path.join(folder, 'a.onnx'),
      inputs: ['input_ids', 'attention_mask'],
      output: 'last_hidden_state',
      outputKind: 'tokens',
      width: 2,
    },
    chain,
    chainInWords: '',
    truncateDim: null,
    prompts: { query: 'query: ', passage: 'passage: ' },
    defaultPromptName: null,
    warnings: [],
  };
}

async function fingerprintOf(changes: Partial<ModelDescription> = {}): Promise<string> {
  return (await computeFingerprint({ ...description(), ...changes })).fingerprint;
}

/** The same tokenizer with something changed. */
function tokenizerWith(change: Partial<ModelDescription['tokenizer']>): Partial<ModelDescription> {
  return { tokenizer: { ...description().tokenizer, ...change } };
}

function graphWith(change: Partial<ModelDescription['graph']>): Partial<ModelDescription> {
  return { graph: { ...description().graph, ...change } };
}

describe('the fingerprint', () => {
  it('is 16 hex digits and names the files it was made from', async () => {
    const { fingerprint, files } = await computeFingerprint(description());
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(files).toMatchObject({ 'a.onnx': { bytes: 9 }, 'tokenizer.json': { bytes: 7 } });
  });

  it('does not depend on names, on places, or on the order of keys', async () => {
    const same = await fingerprintOf();
    expect(await fingerprintOf({ name: 'other', variant: 'onnx/x.onnx', variantNamed: true })).toBe(same);
    expect(await fingerprintOf({ prompts: { passage: 'passage: ', query: 'query: ' } })).toBe(same);
    expect(await fingerprintOf({ warnings: ['one'], chainInWords: 'words' })).toBe(same);
  });

  it('takes hashes that are known already', async () => {
    const known = { 'a.onnx': { bytes: 1, sha256: '0'.repeat(64) } };
    const { fingerprint, files } = await computeFingerprint(description(), known);
    expect(files['a.onnx']).toEqual(known['a.onnx']);
    expect(fingerprint).not.toBe(await fingerprintOf());
  });

  const changes: Record<string, () => Partial<ModelDescription>> = {
    weights: () => ({ weightsFile: 'b.onnx' }),
    'external data': () => ({ externalDataFiles: ['data'] }),
    'tokenizer.json': () => tokenizerWith({ file: path.join(folder, 'other-tokenizer.json') }),
    lowercase: () => tokenizerWith({ lowercase: true }),
    'padding id': () => tokenizerWith({ padId: 1 }),
    'padding side': () => tokenizerWith({ paddingSide: 'left' }),
    'truncation side': () => tokenizerWith({ truncationSide: 'left' }),
    max_seq: () => ({ maxSeq: 65 }),
    output: () => graphWith({ output: 'token_embeddings' }),
    'kind of output': () => graphWith({ outputKind: 'sentence' }),
    'pooling mode': () => ({ chain: [{ ...pooling, modes: ['cls'] }, dense, layerNorm, normalize] }),
    'several modes in another order': () => ({ chain: [{ ...pooling, modes: ['mean', 'cls'] }] }),
    include_prompt: () => ({ chain: [{ ...pooling, includePrompt: false }, dense, layerNorm, normalize] }),
    'no normalisation': () => ({ chain: [pooling, dense, layerNorm] }),
    'dense weight': () => ({
      chain: [pooling, { ...dense, weight: Float32Array.of(1, 2, 3, 5) }, layerNorm, normalize],
    }),
    'dense bias': () => ({ chain: [pooling, { ...dense, bias: null }, layerNorm, normalize] }),
    activation: () => ({ chain: [pooling, { ...dense, activation: 'identity' }, layerNorm, normalize] }),
    residual: () => ({ chain: [pooling, { ...dense, useResidual: true }, layerNorm, normalize] }),
    'layer norm': () => ({ chain: [pooling, dense, { ...layerNorm, bias: Float32Array.of(1) }, normalize] }),
    truncate_dim: () => ({ truncateDim: 1 }),
    "a prompt's text": () => ({ prompts: { query: 'query:', passage: 'passage: ' } }),
    'default prompt': () => ({ defaultPromptName: 'query' }),
  };

  it.each(Object.keys(changes))('changes with: %s', async (ingredient) => {
    expect(await fingerprintOf(changes[ingredient]?.())).not.toBe(await fingerprintOf());
  });

  it('differs for every one of these changes', async () => {
    const all = await Promise.all(Object.values(changes).map((change) => fingerprintOf(change())));
    expect(new Set(all).size).toBe(all.length);
  });
});
