import { describe, expect, it } from 'vitest';
import { displayWidth } from './display-width.js';
import { cosineMatrix, describePair, describeTable } from './similarity-table.js';

const VECTORS = [Float32Array.of(1, 0), Float32Array.of(3, 4), Float32Array.of(0, -2), Float32Array.of(0, 0)];
const plain = (_: string, text: string) => text;

describe('cosineMatrix', () => {
  it('does not depend on length, is symmetric, and is 0 for a vector of zeros', () => {
    expect(cosineMatrix(VECTORS).map((row) => [...row])).toEqual([
      [1, 0.6, 0, 0],
      [0.6, 1, -0.8, 0],
      [0, -0.8, 1, 0],
      [0, 0, 0, 0],
    ]);
  });
});

describe('describePair', () => {
  it('says the number and the texts', () => {
    expect(describePair(['a dog', 'a\npuppy'], cosineMatrix(VECTORS))).toBe(
      'similarity 0.6000 between "a dog" and "a puppy"\n',
    );
  });
});

describe('describeTable', () => {
  const lines = describeTable(['a dog', '子犬が走っている', 'tax law'], cosineMatrix(VECTORS.slice(0, 3)), plain)
    .trimEnd()
    .split('\n');

  it('aligns its columns whatever script the labels are in', () => {
    expect(new Set(lines.slice(0, 4).map(displayWidth)).size).toBe(1);
  });

  it('names the closest two', () => {
    expect(lines[2]).toMatch(/0\.60 +1\.00 +-0\.80$/);
    expect(lines.at(-1)).toBe('closest: 1 and 2');
  });
});
