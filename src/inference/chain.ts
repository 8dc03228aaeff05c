// The modules after the graph (pooling, dense, layer norm, normalise) on typed arrays. Every text is computed on its
// own, so its vector has the same bits in any batch. Values between steps are float32, as in the library.
import type { ChainStep, DenseStep, LayerNormStep, ModelDescription } from '../models/description.js';
import { ACTIVATIONS } from './activations.js';
import { poolTokens } from './pooling.js';
import type { TokenRow } from './token-row.js';

/** torch.nn.functional.normalize divides by max(norm, eps). */
const MIN_NORM = 1e-12;

type ChainDescription = Pick<ModelDescription, 'graph' | 'chain' | 'tokenizer' | 'dim'>;

export class VectorChain {
  readonly #width: number;
  readonly #pools: boolean;
  readonly #leftPadded: boolean;
  readonly #dim: number;
  readonly #steps: readonly ChainStep[];
  readonly #sum: Float64Array;

  constructor(description: ChainDescription) {
    this.#width = description.graph.width;
    this.#pools = description.graph.outputKind === 'tokens';
    this.#leftPadded = description.tokenizer.paddingSide === 'left';
    this.#dim = description.dim;
    this.#steps = description.chain;
    this.#sum = new Float64Array(this.#width);
  }

  /**
   * @param output what the graph gave: [rows, paddedTokens, width], or [rows, width] where it pools itself
   * @param paddedTokens tokens a row in `output`
   * @returns rows.length * dim floats
   */
  apply(output: Float32Array, rows: readonly TokenRow[], paddedTokens: number): Float32Array {
    let width = this.#width;
    let vectors = output;
    for (const step of this.#steps) {
      if (step.kind === 'pooling') {
        if (!this.#pools) continue;
        vectors = this.#pool(step.modes, output, rows, paddedTokens);
        width *= step.modes.length;
      } else if (step.kind === 'dense') {
        vectors = applyDense(step, vectors, rows.length);
        width = step.outFeatures;
      } else if (step.kind === 'layer_norm') {
        vectors = applyLayerNorm(step, vectors, rows.length);
      } else {
        vectors = normalizeRows(vectors, rows.length, width);
      }
    }
    return width === this.#dim && vectors !== output ? vectors : cutRows(vectors, rows.length, width, this.#dim);
  }

  #pool(
    modes: Extract<ChainStep, { kind: 'pooling' }>['modes'],
    tokens: Float32Array,
    rows: readonly TokenRow[],
    paddedTokens: number,
  ): Float32Array {
    const width = this.#width;
    const pooled = new Float32Array(rows.length * modes.length * width);
    let outStart = 0;
    rows.forEach((row, index) => {
      const length = row.ids.length;
      const padding = this.#leftPadded ? paddedTokens - length : 0;
      const span = {
        start: (index * paddedTokens + padding) * width,
        length,
        skip: Math.min(row.promptTokens, length),
      };
      for (const mode of modes) {
        poolTokens(mode, tokens, span, width, this.#sum, pooled, outStart);
        outStart += width;
      }
    });
    return pooled;
  }
}

/** torch.nn.Linear, the activation, and the input added again where the module says so. */
function applyDense(step: DenseStep, input: Float32Array, rows: number): Float32Array {
  const { inFeatures, outFeatures, weight, bias, useResidual } = step;
  const activate = ACTIVATIONS[step.activation];
  const output = new Float32Array(rows * outFeatures);
  for (let row = 0; row < rows; row++) {
    const from = row * inFeatures;
    for (let j = 0; j < outFeatures; j++) {
      let sum = bias?.[j] ?? 0;
      const weightStart = j * inFeatures;
      // Casts: the shapes were checked when the model was read.
      for (let i = 0; i < inFeatures; i++) sum += (weight[weightStart + i] as number) * (input[from + i] as number);
      const activated = activate(sum);
      output[row * outFeatures + j] = useResidual ? activated + (input[from + j] as number) : activated;
    }
  }
  return output;
}

/** torch.nn.LayerNorm over the last axis, with the biased variance. */
function applyLayerNorm(step: LayerNormStep, input: Float32Array, rows: number): Float32Array {
  const width = step.weight.length;
  const output = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const values = input.subarray(row * width, (row + 1) * width);
    let mean = 0;
    for (const value of values) mean += value;
    mean /= width;
    let variance = 0;
    for (const value of values) variance += (value - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / width + step.epsilon);
    // Casts: weight and bias have `width` floats, checked when the model was read.
    values.forEach((value, j) => {
      output[row * width + j] = (value - mean) * scale * (step.weight[j] as number) + (step.bias[j] as number);
    });
  }
  return output;
}

function normalizeRows(input: Float32Array, rows: number, width: number): Float32Array {
  const output = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    writeNormalized(input.subarray(start, start + width), output.subarray(start, start + width));
  }
  return output;
}

function writeNormalized(input: Float32Array, output: Float32Array): void {
  let squares = 0;
  for (const value of input) squares += value * value;
  const norm = Math.max(Math.sqrt(squares), MIN_NORM);
  // Cast: the loop stays inside `input`.
  for (let i = 0; i < input.length; i++) output[i] = (input[i] as number) / norm;
}

function cutRows(input: Float32Array, rows: number, width: number, dim: number): Float32Array {
  const output = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) output.set(input.subarray(row * width, row * width + dim), row * dim);
  return output;
}

/**
 * The first `dimensions` floats of a vector, normalised again: what a request's `dimensions` asks for (Matryoshka).
 * @param dimensions 1 to vector.length
 */
export function cutToDimensions(vector: Float32Array, dimensions: number): Float32Array {
  const cut = new Float32Array(dimensions);
  writeNormalized(vector.subarray(0, dimensions), cut);
  return cut;
}
