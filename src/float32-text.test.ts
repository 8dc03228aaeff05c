// The text of a float32: bit-exact and short.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorText, writeFloat32 } from './float32-text.js';

const bits = new DataView(new ArrayBuffer(4));

function fromBits(pattern: number): number {
  bits.setUint32(0, pattern);
  return bits.getFloat32(0);
}

function toBits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}

const scratch = Buffer.alloc(64);

function textOf(value: number): string {
  return scratch.toString('latin1', 0, writeFloat32(value, scratch, 0));
}

function expectRoundTrip(value: number): void {
  const text = textOf(value);
  expect(toBits(Math.fround(JSON.parse(text))), `${value} was written as ${text}`).toBe(toBits(value));
  const significant = text.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '');
  expect(significant.length, text).toBeLessThanOrEqual(9);
}

describe('writeFloat32', () => {
  it('reads back bit-equal for every kind of float32, with at most 9 significant digits', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => expectRoundTrip(value)),
      { numRuns: 20_000 },
    );
  });

  it('reads back bit-equal for any finite bit pattern', () => {
    const finite = fc.integer({ min: 0, max: 0xffffffff }).filter((pattern) => ((pattern >>> 23) & 0xff) !== 0xff);
    fc.assert(
      fc.property(finite, (pattern) => expectRoundTrip(fromBits(pattern))),
      { numRuns: 20_000 },
    );
  });

  it('reads back bit-equal for what embeddings hold: values from -1 to 1', () => {
    fc.assert(
      fc.property(fc.float({ min: -1, max: 1, noNaN: true }), (value) => expectRoundTrip(value)),
      { numRuns: 20_000 },
    );
  });

  it('reads back bit-equal around every power of ten and of two', () => {
    for (let exponent = -45; exponent <= 38; exponent++) {
      const center = toBits(Math.fround(Number(`1e${exponent}`)));
      for (let step = -3; step <= 3; step++) {
        const pattern = center + step;
        if (pattern >= 0 && pattern < 0x7f800000) expectRoundTrip(fromBits(pattern));
      }
    }
    for (let exponent = 1; exponent < 0xff; exponent++) {
      for (let step = -2; step <= 2; step++) expectRoundTrip(fromBits((exponent << 23) + step));
    }
  });

  it.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-1, '-1'],
    [0.5, '0.5'],
    [0.1, '0.1'],
    [-0.25, '-0.25'],
    [100, '100'],
    [123456, '123456'],
    [999999.94, '999999.94'],
    [9.999999, '9.999999'],
    [0.000001, '0.000001'],
    [1.4e-45, '1e-45'],
    [3.4028235e38, '3.4028235e+38'],
    [Number.NaN, 'null'],
    [Number.POSITIVE_INFINITY, 'null'],
  ])('writes %d as %s', (value, text) => {
    expect(textOf(Math.fround(value))).toBe(text);
  });
});

describe('vectorText', () => {
  it('is a JSON list of the same floats', () => {
    const vector = new Float32Array([0.1, -0.25, 3e-20, Number.NaN]);
    expect(vectorText(vector)).toBe('[0.1,-0.25,3e-20,null]');
    expect(vectorText(new Float32Array(0))).toBe('[]');
  });
});
