import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest-word.js';

const COMMANDS = ['embed', 'similarity', 'models', 'serve', 'config'];

describe('nearest', () => {
  it.each([
    ['embd', 'embed'],
    ['mebed', 'embed'],
    ['similarty', 'similarity'],
    ['sim', 'similarity'],
    ['model', 'models'],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearest(typed, COMMANDS)).toBe(meant);
  });

  it('suggests nothing where nothing is near', () => {
    expect(nearest('train', COMMANDS)).toBeNull();
    expect(nearest('', COMMANDS)).toBeNull();
    expect(didYouMean('train', COMMANDS)).toBe('');
  });
});
