// The wire form of a vector: bit-exact, short, and cut into chunks that join to valid JSON.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonPart, jsonBody, jsonChunks, vectorToBase64, writeFloat32 } from './vector-json.js';

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

describe('jsonChunks', () => {
  it('joins to the same JSON whatever the chunk size, and keeps chunks within it', () => {
    const vectors = fc.array(
      fc
        .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 50 })
        .map((list) => new Float32Array(list)),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(vectors, fc.integer({ min: 1, max: 400 }), (list, chunkBytes) => {
        const parts: JsonPart[] = ['['];
        list.forEach((vector, index) => {
          if (index > 0) parts.push(',');
          parts.push({ vector, encoding: 'float' });
        });
        parts.push(']');
        const chunks = [...jsonChunks(parts, chunkBytes)];
        const parsed: number[][] = JSON.parse(Buffer.concat(chunks).toString());
        expect(parsed.map((numbers) => numbers.map(toBits))).toEqual(list.map((vector) => [...vector].map(toBits)));
        for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(Math.max(chunkBytes, 48));
      }),
      { numRuns: 500 },
    );
  });

  it('writes base64 of the little-endian bytes', () => {
    const vector = new Float32Array([1, -2.5, 3e-20]).subarray(1);
    const text = Buffer.concat([...jsonChunks([{ vector, encoding: 'base64' }])]).toString();
    const bytes = Buffer.from(JSON.parse(text), 'base64');
    expect(bytes.readFloatLE(0)).toBe(-2.5);
    expect(Object.is(bytes.readFloatLE(4), Math.fround(3e-20))).toBe(true);
    expect(bytes.length).toBe(8);
    expect(vectorToBase64(vector)).toBe(JSON.parse(text));
  });
});

describe('jsonBody', () => {
  it('is one Buffer where the answer is small', () => {
    expect(jsonBody(['{', '"a":1}']).toString()).toBe('{"a":1}');
  });

  it('is a stream that lets other work run between its chunks where the answer is large', async () => {
    const vector = new Float32Array(384).map((_, index) => Math.sin(index) / 10);
    const parts: JsonPart[] = ['['];
    for (let index = 0; index < 500; index++) {
      if (index > 0) parts.push(',');
      parts.push({ vector, encoding: 'float' });
    }
    parts.push(']');
    const body = jsonBody(parts);
    if (!(body instanceof Readable)) throw new Error('expected a stream');
    let turns = 0;
    let ended = false;
    const countTurn = () => {
      turns++;
      if (!ended) setImmediate(countTurn);
    };
    setImmediate(countTurn);
    const parsed: number[][] = JSON.parse((await buffer(body)).toString());
    ended = true;
    expect(parsed).toHaveLength(500);
    expect(new Float32Array(parsed[499] ?? [])).toEqual(vector);
    expect(turns).toBeGreaterThan(10);
  });
});
