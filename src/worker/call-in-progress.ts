// One call on its way through a worker: collects its vectors as batches end, in whatever order, and settles once.

import type { CallTicket } from '../batching/scheduler.js';
import type { FailedText, ModelCall } from '../contracts/backend.js';

const EMPTY_VECTOR = new Float32Array(0);

export class CallInProgress {
  readonly vectors: Float32Array[];
  readonly failedTexts: FailedText[] = [];
  tokens = 0;
  truncated = 0;
  #missing: number;
  #ended = false;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  /** Settles when every text is answered, or at the first thing that fails the whole call. */
  readonly settled: Promise<void>;

  constructor(
    readonly call: ModelCall,
    readonly ticket: CallTicket,
  ) {
    this.vectors = new Array<Float32Array>(call.texts.length).fill(EMPTY_VECTOR);
    this.#missing = call.texts.length;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever awaits `settled` hears of a failure; until somebody does, it must not end the process.
    this.settled.catch(() => {});
  }

  /** True once settled: nothing that still comes for this call matters. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Texts without a vector so far. */
  get missing(): number {
    return this.#missing;
  }

  place(index: number, vector: Float32Array): void {
    if (this.#ended) return;
    this.vectors[index] = vector;
    this.#oneLess();
  }

  /** Marks one text as poison; the others go on. */
  failText(index: number, attempts: number): void {
    if (this.#ended) return;
    this.failedTexts.push({ index, attempts });
    this.#oneLess();
  }

  failCall(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reject(error);
  }

  #oneLess(): void {
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.#ended = true;
    this.#resolve();
  }
}
