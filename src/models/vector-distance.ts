// How far apart two vectors are, in the two measures that golden vectors and probes are held to.

/** Of two vectors of one length; 1 where both are zero, 0 where one is, NaN where a float is. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; i++) {
    // Casts: same length, checked by the callers' types of work; a missing float gives NaN, which no limit accepts.
    const x = a[i] as number;
    const y = b[i] as number;
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  if (squaresA === 0 || squaresB === 0) return squaresA === squaresB ? 1 : 0;
  return product / Math.sqrt(squaresA * squaresB);
}

/** Largest difference of two floats at one place; NaN where the vectors are not comparable. */
export function maxAbsDelta(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const delta = Math.abs((a[i] as number) - (b[i] as number));
    if (!(delta <= largest)) largest = delta;
    if (Number.isNaN(delta)) return Number.NaN;
  }
  return largest;
}
