import { describe, expect, it } from 'vitest';
import { checkDimensions, cutAndNormalize } from './dimensions.js';

describe('checkDimensions', () => {
  it.each([0, -1, 1.5, 385, Number.NaN])('refuses %s of 384', (dimensions) => {
    expect(() => checkDimensions('minilm', dimensions, 384)).toThrow(/"minilm" has 384, so 1 to 384/);
  });

  it('takes 1 to all', () => {
    expect(checkDimensions('minilm', 1, 384)).toBe(1);
    expect(checkDimensions('minilm', 384, 384)).toBe(384);
  });
});

describe('cutAndNormalize', () => {
  it('cuts, then brings to length 1', () => {
    expect([...cutAndNormalize(Float32Array.of(3, 4, 12), 2)]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
  });

  it('leaves the vector it was given alone, and a vector of zeros at zero', () => {
    const vector = Float32Array.of(0, 0, 5);
    expect([...cutAndNormalize(vector, 2)]).toEqual([0, 0]);
    expect([...vector]).toEqual([0, 0, 5]);
  });
});
