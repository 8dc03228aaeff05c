// Writes answers that hold vectors as JSON: short, fast, and in small chunks, so that a large bulk answer never
// keeps the event loop from the rt calls that share the process.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_FLOAT_BYTES, writeFloat32 } from '../float32-text.js';

/** `float`: a JSON list of numbers. `base64`: a string over the little-endian float32 bytes, as OpenAI's. */
export type VectorEncoding = 'float' | 'base64';

/** A piece of an answer: finished JSON text, or a vector (null: a text that failed) still to be written. */
export type JsonPart = string | { readonly vector: Float32Array; readonly encoding: VectorEncoding };

/** What is written in one turn of the event loop: about 6,000 floats, a third of a millisecond. */
const CHUNK_BYTES = 65_536;

const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/**
 * Turns an answer's parts into its bytes: one Buffer where it is small, else a stream that makes each chunk only
 * when the connection takes it and gives the event loop a turn in between.
 */
export function jsonBody(parts: Iterable<JsonPart>): Buffer | Readable {
  const chunks = jsonChunks(parts);
  const first = chunks.next();
  if (first.done) return Buffer.alloc(0);
  const second = chunks.next();
  if (second.done) return first.value;
  return Readable.from(chunkByTurn([first.value, second.value], chunks), { objectMode: false });
}

async function* chunkByTurn(ready: readonly Buffer[], rest: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* ready;
  for (const chunk of rest) {
    await nextTurn();
    yield chunk;
  }
}

/** The same bytes as chunks of at most `chunkBytes` (a single longer string part is a chunk of its own). */
export function* jsonChunks(parts: Iterable<JsonPart>, chunkBytes = CHUNK_BYTES): Generator<Buffer> {
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let used = 0;
  for (const part of parts) {
    if (typeof part === 'string' || part.encoding === 'base64') {
      const text = typeof part === 'string' ? part : `"${vectorToBase64(part.vector)}"`;
      const bytes = Buffer.byteLength(text);
      if (used + bytes > chunkBytes) {
        if (used > 0) yield chunk.subarray(0, used);
        chunk = Buffer.allocUnsafe(Math.max(chunkBytes, bytes));
        used = 0;
      }
      used += chunk.write(text, used);
      continue;
    }
    const { vector } = part;
    // The brackets have room because every float reserves more than it can take.
    let index = 0;
    do {
      if (used + 2 * MAX_FLOAT_BYTES > chunkBytes) {
        if (used > 0) yield chunk.subarray(0, used);
        chunk = Buffer.allocUnsafe(Math.max(chunkBytes, 2 * MAX_FLOAT_BYTES));
        used = 0;
      }
      if (index === 0) chunk[used++] = OPENING_BRACKET;
      const lastStart = chunk.length - MAX_FLOAT_BYTES - 1;
      while (index < vector.length && used <= lastStart) {
        if (index > 0) chunk[used++] = COMMA;
        used = writeFloat32(vector[index] ?? 0, chunk, used);
        index++;
      }
    } while (index < vector.length);
    chunk[used++] = CLOSING_BRACKET;
  }
  if (used > 0) yield chunk.subarray(0, used);
}

/** Base64 of the vector's bytes. Typed arrays are little-endian on every platform that embedq supports. */
export function vectorToBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
