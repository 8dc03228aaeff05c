import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChainStep, ModelDescription, PoolingMode } from '../models/description.js';
import { cutToDimensions, VectorChain } from './chain.js';
import type { TokenRow } from './token-row.js';

const WIDTH = 3;

function chainOf(steps: readonly ChainStep[], dim: number, changes: { left?: boolean; sentence?: boolean } = {}) {
  const graph: ModelDescription['graph'] = {
    file: '',
    inputs: ['input_ids'],
    output: 'o',
    outputKind: changes.sentence ? 'sentence' : 'tokens',
    width: WIDTH,
  };
  const tokenizer: ModelDescription['tokenizer'] = {
    file: '',
    padId: 0,
    paddingSide: changes.left ? 'left' : 'right',
    truncationSide: 'right',
    lowercase: false,
  };
  return new VectorChain({ graph, tokenizer, chain: steps, dim });
}

function pooling(...modes: PoolingMode[]): ChainStep {
  return { kind: 'pooling', modes, includePrompt: true };
}

function row(length: number, promptTokens = 0): TokenRow {
  return { ids: new Int32Array(length), promptTokens, fullLength: length };
}

/** Tokens of one text, then padding that would spoil every result if it were read. */
const tokens = Float32Array.of(1, 10, -1, 2, 30, -2, 6, 20, -9, 1e9, 1e9, 1e9);
const three = row(3);

describe('pooling', () => {
  it.each<[PoolingMode, number[]]>([
    ['cls', [1, 10, -1]],
    ['lasttoken', [6, 20, -9]],
    ['max', [6, 30, -1]],
    ['mean', [3, 20, -4]],
    ['mean_sqrt_len', [9 / Math.sqrt(3), 60 / Math.sqrt(3), -12 / Math.sqrt(3)]],
    ['weightedmean', [23 / 6, 130 / 6, -32 / 6]],
  ])('%s reads exactly the text', (mode, expected) => {
    expect(chainOf([pooling(mode)], WIDTH).apply(tokens, [three], 4)).toEqual(Float32Array.from(expected));
  });

  it.each<[PoolingMode, number[]]>([
    ['cls', [2, 30, -2]],
    ['lasttoken', [6, 20, -9]],
    ['max', [6, 30, -2]],
    ['mean', [4, 25, -5.5]],
    ['weightedmean', [22 / 5, 120 / 5, -31 / 5]],
  ])("%s leaves out the prompt's tokens and keeps positions", (mode, expected) => {
    expect(chainOf([pooling(mode)], WIDTH).apply(tokens, [row(3, 1)], 4)).toEqual(Float32Array.from(expected));
  });

  it.each<[PoolingMode, number[]]>([
    ['cls', [1, 10, -1]],
    ['lasttoken', [0, 0, 0]],
    ['max', [0, 0, 0]],
    ['mean', [0, 0, 0]],
    ['weightedmean', [0, 0, 0]],
  ])('%s gives no Infinity or NaN where nothing is left', (mode, expected) => {
    expect(chainOf([pooling(mode)], WIDTH).apply(tokens, [row(3, 3)], 4)).toEqual(Float32Array.from(expected));
  });

  it('concatenates several modes in their order', () => {
    const vector = chainOf([pooling('lasttoken', 'cls')], 2 * WIDTH).apply(tokens, [three], 4);
    expect(vector).toEqual(Float32Array.of(6, 20, -9, 1, 10, -1));
  });

  it('finds a text that is padded on the left', () => {
    const padded = Float32Array.of(1e9, 1e9, 1e9, 1, 10, -1, 3, 30, -3);
    expect(chainOf([pooling('cls')], WIDTH, { left: true }).apply(padded, [row(2)], 3)).toEqual(
      Float32Array.of(1, 10, -1),
    );
    expect(chainOf([pooling('mean')], WIDTH, { left: true }).apply(padded, [row(2)], 3)).toEqual(
      Float32Array.of(2, 20, -2),
    );
  });

  it('is skipped where the graph has pooled', () => {
    const vector = chainOf([pooling('mean')], WIDTH, { sentence: true }).apply(Float32Array.of(1, 2, 3), [three], 4);
    expect(vector).toEqual(Float32Array.of(1, 2, 3));
  });

  it('gives every text the same bits whatever stands beside it', () => {
    const modes: readonly PoolingMode[] = ['cls', 'max', 'mean', 'mean_sqrt_len', 'weightedmean', 'lasttoken'];
    const chain = chainOf([pooling(...modes), { kind: 'normalize' }], modes.length * WIDTH);
    const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    const text = fc.array(fc.tuple(float, float, float), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.integer({ min: 6, max: 9 }), (texts, padded) => {
        const output = new Float32Array(texts.length * padded * WIDTH).fill(Number.NaN);
        texts.forEach((text, i) => {
          output.set(text.flat(), i * padded * WIDTH);
        });
        const together = chain.apply(
          output,
          texts.map((text) => row(text.length)),
          padded,
        );
        const dim = modes.length * WIDTH;
        texts.forEach((text, i) => {
          const alone = chain.apply(Float32Array.from(text.flat()), [row(text.length)], text.length);
          expect(together.subarray(i * dim, (i + 1) * dim)).toEqual(alone);
        });
      }),
    );
  });
});

describe('the steps after pooling', () => {
  const one = row(1);

  it('dense multiplies by rows of the weight, adds the bias, then activates', () => {
    const dense: ChainStep = {
      kind: 'dense',
      inFeatures: 3,
      outFeatures: 2,
      weight: Float32Array.of(1, 2, 3, -1, -2, -3),
      bias: Float32Array.of(0.5, 0.5),
      activation: 'relu',
      useResidual: false,
    };
    expect(chainOf([pooling('cls'), dense], 2).apply(Float32Array.of(1, 1, 1), [one], 1)).toEqual(
      Float32Array.of(6.5, 0),
    );
  });

  it('dense adds its input again where it has a residual', () => {
    const identity = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
    const dense: ChainStep = {
      kind: 'dense',
      inFeatures: 3,
      outFeatures: 3,
      weight: identity,
      bias: null,
      activation: 'tanh',
      useResidual: true,
    };
    const vector = chainOf([pooling('cls'), dense], 3).apply(Float32Array.of(0, 1, -2), [one], 1);
    expect(vector).toEqual(Float32Array.of(0, Math.tanh(1) + 1, Math.tanh(-2) - 2));
  });

  it('layer norm takes the biased variance', () => {
    const norm: ChainStep = {
      kind: 'layer_norm',
      weight: Float32Array.of(1, 2, 1),
      bias: Float32Array.of(0, 0, 1),
      epsilon: 0,
    };
    const scale = 1 / Math.sqrt(2 / 3);
    expect(chainOf([pooling('cls'), norm], 3).apply(Float32Array.of(1, 2, 3), [one], 1)).toEqual(
      Float32Array.of(-scale, 0, scale + 1),
    );
  });

  it('normalise divides by the length, and leaves zeros zero', () => {
    const chain = chainOf([pooling('cls'), { kind: 'normalize' }], 3);
    expect(chain.apply(Float32Array.of(3, 0, 4), [one], 1)).toEqual(Float32Array.of(0.6, 0, 0.8));
    expect(chain.apply(Float32Array.of(0, 0, 0), [one], 1)).toEqual(Float32Array.of(0, 0, 0));
  });

  it('truncate_dim cuts each vector without normalising it again', () => {
    const chain = chainOf([pooling('cls'), { kind: 'normalize' }], 2);
    expect(chain.apply(Float32Array.of(3, 0, 4, 0, 5, 0), [one, one], 1)).toEqual(Float32Array.of(0.6, 0, 0, 1));
  });

  it('dimensions of a request cut and normalise again', () => {
    expect(cutToDimensions(Float32Array.of(3, 4, 12), 2)).toEqual(Float32Array.of(0.6, 0.8));
  });
});
