// One model's graph in ONNX Runtime plus the chain after it: token rows in, vectors out. Runs inside the inference
// child only, because ONNX Runtime blocks the event loop of the process that calls it.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { fail } from '../errors.js';
import type { GraphDescription, ModelDescription } from '../models/description.js';
import { VectorChain } from './chain.js';
import { type BatchFeeds, FeedBuffers } from './feed-buffers.js';
import type { TokenRow } from './token-row.js';

export interface GraphSessionSettings {
  /** Threads that compute one batch. */
  readonly threads: number;
}

/** The output buffer is kept between runs up to this many floats (64 MiB); larger batches get one of their own. */
const MAX_KEPT_OUTPUT_FLOATS = 16 * 1024 * 1024;

export class GraphSession {
  readonly #session: InferenceSession;
  readonly #graph: GraphDescription;
  readonly #chain: VectorChain;
  readonly #feeds: FeedBuffers;
  #output = new Float32Array(0);

  private constructor(session: InferenceSession, description: ModelDescription) {
    this.#session = session;
    this.#graph = description.graph;
    this.#chain = new VectorChain(description);
    this.#feeds = new FeedBuffers(description.graph.inputs, description.tokenizer);
  }

  /** @throws E_MODEL_FILE_CORRUPT where ONNX Runtime does not take the file */
  static async create(description: ModelDescription, settings: GraphSessionSettings): Promise<GraphSession> {
    try {
      const session = await InferenceSession.create(description.graph.file, sessionOptions(settings));
      return new GraphSession(session, description);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw fail(
        'E_MODEL_FILE_CORRUPT',
        { model: description.name, file: description.weightsFile, problem },
        { cause },
      );
    }
  }

  /**
   * Computes one batch; one at a time.
   * @returns rows.length * dim floats, one vector a row, in order
   * @throws E_INFERENCE_FAILED
   */
  async run(rows: readonly TokenRow[]): Promise<Float32Array> {
    if (rows.length === 0) return new Float32Array(0);
    const feeds = this.#feeds.fill(rows);
    const dims = this.#outputDims(feeds);
    const wanted = new Tensor('float32', this.#outputFor(dims), dims);
    let outputs: InferenceSession.ReturnType;
    try {
      outputs = await this.#session.run(feeds.tensors, { [this.#graph.output]: wanted });
    } catch (cause) {
      throw fail('E_INFERENCE_FAILED', { problem: cause instanceof Error ? cause.message : String(cause) }, { cause });
    }
    const output = outputs[this.#graph.output];
    if (!(output?.data instanceof Float32Array)) {
      throw fail('E_INFERENCE_FAILED', { problem: `the graph gave no float32 output ${this.#graph.output}` });
    }
    const vectors = this.#chain.apply(output.data, rows, feeds.paddedTokens);
    output.dispose();
    return vectors;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #outputDims(feeds: BatchFeeds): number[] {
    const { outputKind, width } = this.#graph;
    return outputKind === 'tokens' ? [feeds.rows, feeds.paddedTokens, width] : [feeds.rows, width];
  }

  #outputFor(dims: readonly number[]): Float32Array {
    const floats = dims.reduce((product, size) => product * size, 1);
    if (floats > MAX_KEPT_OUTPUT_FLOATS) return new Float32Array(floats);
    if (floats > this.#output.length) this.#output = new Float32Array(floats);
    return this.#output.subarray(0, floats);
  }
}

function sessionOptions({ threads }: GraphSessionSettings): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Patterns are kept for each shape ever seen, and texts come in every shape: memory would grow for ever.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // Threads that spin between batches take the cores from the other lane.
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  };
}
