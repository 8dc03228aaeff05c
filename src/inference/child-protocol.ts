// What a supervisor and its inference children say to each other. Messages go over Node's IPC channel with
// `serialization: 'advanced'`, so typed arrays travel as bytes.
import type { ErrorCode } from '../errors.js';
import type { ModelDescription } from '../models/description.js';

export interface LoadRequest {
  readonly kind: 'load';
  readonly model: ModelDescription;
  /** Threads of one run. */
  readonly threads: number;
  /** 0 to 19; bulk children give way to everything else with 19. */
  readonly niceness: number;
}

/** One batch: the rows' token ids one after another. */
export interface RunRequest {
  readonly kind: 'run';
  readonly batchId: number;
  readonly ids: Int32Array;
  /** Tokens a row. */
  readonly lengths: Int32Array;
  /** Leading prompt tokens a row that pooling leaves out; null: none in any row. */
  readonly promptTokens: Int32Array | null;
}

export type ToChild = LoadRequest | RunRequest;

export interface ReadyReply {
  readonly kind: 'ready';
  readonly residentBytes: number;
}

export interface LoadFailedReply {
  readonly kind: 'load_failed';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface RunReply {
  readonly kind: 'vectors';
  readonly batchId: number;
  /** rows × dim floats, row after row. */
  readonly vectors: Float32Array;
  readonly computeMs: number;
}

export interface RunFailedReply {
  readonly kind: 'run_failed';
  readonly batchId: number;
  readonly problem: string;
}

export type FromChild = ReadyReply | LoadFailedReply | RunReply | RunFailedReply;
