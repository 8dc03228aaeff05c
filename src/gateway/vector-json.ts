// Writes answers that hold vectors as JSON: short, fast, and in small chunks, so that a large bulk answer never
// keeps the event loop from the rt calls that share the process.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** `float`: a JSON list of numbers. `base64`: a string over the little-endian float32 bytes, as OpenAI's. */
export type VectorEncoding = 'float' | 'base64';

/** A piece of an answer: finished JSON text, or a vector (null: a text that failed) still to be written. */
export type JsonPart = string | { readonly vector: Float32Array; readonly encoding: VectorEncoding };

/** What is written in one turn of the event loop: about 6,000 floats, a third of a millisecond. */
const CHUNK_BYTES = 65_536;
/** The longest text of a float32, sign, point and exponent included, with room for a comma. */
const MAX_FLOAT_BYTES = 24;
/** Digits that name any float32 (IEEE 754 binary32: 9 always suffice, 6 always survive, most need 7 or 8). */
const FEWEST_DIGITS = 7;
const MOST_DIGITS = 9;
/** Magnitudes written by integer arithmetic; what lies outside goes through toPrecision. */
const FIXED_POINT_FROM = 1e-6;
const FIXED_POINT_BELOW = 1e6;

const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
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

/**
 * Writes a float32 as a JSON number of at most 9 significant digits that reads back bit-equal
 * (`Math.fround(JSON.parse(text))`), and returns the offset behind it. Values that are not finite become `null`.
 *
 * d = round(|value| * 10^k) with 7, then 8, then 9 digits; d and 10^k (k <= 22) are exact doubles, so d / 10^k is
 * the correctly rounded double of the decimal text (W. Clinger, "How to Read Floating Point Numbers Accurately",
 * 1990) and rounding it to float32 tells whether a reader gets the value back. d stays below 2^30, so its digits
 * come from 32-bit integer arithmetic.
 */
export function writeFloat32(value: number, target: Uint8Array, offset: number): number {
  const magnitude = value < 0 ? -value : value;
  if (!(magnitude >= FIXED_POINT_FROM && magnitude < FIXED_POINT_BELOW)) return writeRare(value, target, offset);

  const exponent = decimalExponent(magnitude);
  for (let digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
    let decimals = digits - 1 - exponent;
    const scale = POWERS_OF_TEN[decimals] ?? 1;
    let scaled = Math.round(magnitude * scale);
    if (Math.fround(scaled / scale) !== magnitude) continue;
    while (decimals > 0 && scaled % 10 === 0) {
      scaled = (scaled / 10) | 0;
      decimals--;
    }
    let start = offset;
    if (value < 0) target[start++] = MINUS;
    return writeDecimal(scaled, decimals, target, start);
  }
  return writeRare(value, target, offset);
}

/** Writes `scaled / 10^decimals`; `scaled` is a positive integer below 2^30. */
function writeDecimal(scaled: number, decimals: number, target: Uint8Array, start: number): number {
  let digits = 1;
  while (digits < 10 && scaled >= (POWERS_OF_TEN[digits] ?? Infinity)) digits++;
  const whole = Math.max(digits - decimals, 1);
  const end = start + whole + (decimals > 0 ? decimals + 1 : 0);

  let rest = scaled;
  let at = end - 1;
  for (let written = 0; written < decimals; written++) {
    const next = (rest / 10) | 0;
    target[at--] = ZERO + rest - next * 10;
    rest = next;
  }
  if (decimals > 0) target[at--] = POINT;
  while (at >= start) {
    const next = (rest / 10) | 0;
    target[at--] = ZERO + rest - next * 10;
    rest = next;
  }
  return end;
}

/** floor(log10(magnitude)) for magnitudes from 1e-6 to below 1e6. */
function decimalExponent(magnitude: number): number {
  if (magnitude >= 1) {
    let exponent = 0;
    while (magnitude >= (POWERS_OF_TEN[exponent + 1] ?? Infinity)) exponent++;
    return exponent;
  }
  if (magnitude >= 0.1) return -1;
  if (magnitude >= 0.01) return -2;
  if (magnitude >= 0.001) return -3;
  if (magnitude >= 0.0001) return -4;
  return magnitude >= 0.00001 ? -5 : -6;
}

/** Zeros, very small and very large values, and what JSON has no number for. */
function writeRare(value: number, target: Uint8Array, offset: number): number {
  const text = rareText(value);
  for (let index = 0; index < text.length; index++) target[offset + index] = text.charCodeAt(index);
  return offset + text.length;
}

function rareText(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(MOST_DIGITS)));
}
