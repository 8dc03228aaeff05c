// The messages between a supervisor and its inference children that travel as serialised values; the hot ones
// (batches, vectors) have a binary form of their own in frames.ts.
import type { ErrorCode } from '../errors.js';
import type { ModelDescription } from '../models/description.js';

export interface LoadRequest {
  readonly model: ModelDescription;
  /** Threads of one run. */
  readonly threads: number;
  /** 0 to 19; bulk children give way to everything else with 19. */
  readonly niceness: number;
}

export interface LoadFailedReply {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface RunFailedReply {
  readonly batchId: number;
  readonly problem: string;
}
