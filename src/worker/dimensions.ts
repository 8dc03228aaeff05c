// Shorter vectors on request (Matryoshka): cut, then normalised again.
import { fail } from '../errors.js';

/** The floor of an L2 norm, as in torch.nn.functional.normalize. */
const MIN_NORM = 1e-12;

/** @throws E_DIMENSIONS_INVALID */
export function checkDimensions(model: string, dimensions: number, dim: number): number {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > dim) {
    throw fail('E_DIMENSIONS_INVALID', { model, dimensions, dim });
  }
  return dimensions;
}

/** The first `dimensions` floats, brought to length 1. An empty vector (a failed text) stays empty. */
export function cutAndNormalize(vector: Float32Array, dimensions: number): Float32Array {
  const cut = vector.slice(0, dimensions);
  let squares = 0;
  for (const value of cut) squares += value * value;
  const norm = Math.max(Math.sqrt(squares), MIN_NORM);
  for (let i = 0; i < cut.length; i += 1) cut[i] = (cut[i] ?? 0) / norm;
  return cut;
}
