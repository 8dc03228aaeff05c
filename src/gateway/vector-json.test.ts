// The wire form of a vector: bit-exact, and cut into chunks that join to valid JSON.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonPart, jsonBody, jsonChunks, vectorToBase64 } from './vector-json.js';

const bits = new DataView(new ArrayBuffer(4));

function toBits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}

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
