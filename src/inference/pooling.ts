// Turns the token vectors of one text into one vector. Formulas: sentence-transformers 6.2,
// sentence_transformer/modules/pooling.py (`_forward_padded`). Sums are kept in double: it costs nothing here, and the
// result then does not depend on the order in which another library would add in single precision.
import type { PoolingMode } from '../models/description.js';

/** Where the tokens of one text lie in a batch's output [batch, tokens, width]. */
export interface TokenSpan {
  /** Index in `tokens` of the text's first float. */
  readonly start: number;
  /** Tokens of the text, padding not counted. */
  readonly length: number;
  /** Leading tokens that are left out. */
  readonly skip: number;
}

/** What the divisor of a mean never falls below, as in the library. */
const MIN_DIVISOR = 1e-9;

/**
 * Pools one text. Only the text's own tokens are read, so that neither padding nor neighbours can change a bit.
 * @param sum scratch of `width` doubles
 * @param out receives `width` floats from `outStart`
 */
export function poolTokens(
  mode: PoolingMode,
  tokens: Float32Array,
  span: TokenSpan,
  width: number,
  sum: Float64Array,
  out: Float32Array,
  outStart: number,
): void {
  const kept = span.length - span.skip;
  switch (mode) {
    case 'cls':
      // Where every token is left out, the library takes the first one all the same.
      copyToken(tokens, span.start + (kept > 0 ? span.skip : 0) * width, width, out, outStart);
      break;
    case 'lasttoken':
      if (kept > 0) copyToken(tokens, span.start + (span.length - 1) * width, width, out, outStart);
      else out.fill(0, outStart, outStart + width);
      break;
    case 'max':
      poolMax(tokens, span, width, out, outStart);
      break;
    case 'mean':
      sumTokens(tokens, span, width, sum);
      divide(sum, Math.max(kept, MIN_DIVISOR), width, out, outStart);
      break;
    case 'mean_sqrt_len':
      sumTokens(tokens, span, width, sum);
      divide(sum, Math.sqrt(Math.max(kept, MIN_DIVISOR)), width, out, outStart);
      break;
    case 'weightedmean':
      poolWeightedMean(tokens, span, width, sum, out, outStart);
      break;
  }
}

function copyToken(tokens: Float32Array, from: number, width: number, out: Float32Array, outStart: number): void {
  for (let j = 0; j < width; j++) out[outStart + j] = tokens[from + j] as number;
}

// The casts below stand for bounds that the caller keeps: a span lies inside `tokens`, a sum has `width` doubles.
// A check a float would cost more than the addition.

function sumTokens(tokens: Float32Array, span: TokenSpan, width: number, sum: Float64Array): void {
  sum.fill(0, 0, width);
  const end = span.start + span.length * width;
  for (let from = span.start + span.skip * width; from < end; from += width) {
    for (let j = 0; j < width; j++) sum[j] = (sum[j] as number) + (tokens[from + j] as number);
  }
}

function divide(sum: Float64Array, divisor: number, width: number, out: Float32Array, outStart: number): void {
  for (let j = 0; j < width; j++) out[outStart + j] = (sum[j] as number) / divisor;
}

/** Weights are positions 1..n of the whole text, also where the first ones are left out. */
function poolWeightedMean(
  tokens: Float32Array,
  span: TokenSpan,
  width: number,
  sum: Float64Array,
  out: Float32Array,
  outStart: number,
): void {
  sum.fill(0, 0, width);
  let weights = 0;
  for (let t = span.skip; t < span.length; t++) {
    const weight = t + 1;
    weights += weight;
    const from = span.start + t * width;
    for (let j = 0; j < width; j++) sum[j] = (sum[j] as number) + (tokens[from + j] as number) * weight;
  }
  divide(sum, Math.max(weights, MIN_DIVISOR), width, out, outStart);
}

/** Where every token is left out the library gives -Infinity, of which nothing can be made; zeros here. */
function poolMax(tokens: Float32Array, span: TokenSpan, width: number, out: Float32Array, outStart: number): void {
  if (span.length <= span.skip) {
    out.fill(0, outStart, outStart + width);
    return;
  }
  copyToken(tokens, span.start + span.skip * width, width, out, outStart);
  for (let t = span.skip + 1; t < span.length; t++) {
    const from = span.start + t * width;
    for (let j = 0; j < width; j++) {
      const value = tokens[from + j] as number;
      if (value > (out[outStart + j] as number)) out[outStart + j] = value;
    }
  }
}
