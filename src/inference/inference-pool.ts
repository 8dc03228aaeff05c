// The inference children of one lane: gives each batch to a free child, replaces children that die, and finds the
// text that kills them.
//
// A batch whose child died is tried once more as it is (the kill may have had another cause, the kernel's
// out-of-memory killer say). If that child dies too, the batch is halved, and so on down to single texts; a text
// that ends two children all alone is poison and fails by itself. Everything else is answered.

import type { Logger } from '../contracts/log.js';
import { EmbedqError, fail } from '../errors.js';
import { ChildDied, type InferenceChild } from './inference-child.js';
import type { TokenRow } from './token-row.js';

/** A child that cannot even start is tried again after 0.1 s, 0.2 s, … at most this long. */
const MAX_RESTART_DELAY_MS = 5_000;
const FIRST_RESTART_DELAY_MS = 100;
/** After so many starts in a row that failed, calls are refused instead of waiting for the next try. */
const FAILED_STARTS_UNTIL_DOWN = 3;
/** A text must end this many children alone before it counts as poison. */
const LONE_DEATHS_OF_POISON = 2;

export interface InferencePoolSettings {
  /** For logs and errors. */
  readonly model: string;
  readonly size: number;
  /** Batches a child may hold: the one it computes and those sent ahead, so that it never waits for the next. */
  readonly batchesPerChild: number;
  readonly startChild: () => Promise<InferenceChild>;
  /** Called whenever a batch could be taken that could not before. */
  readonly onFree: () => void;
  readonly log: Logger;
}

export interface BatchOutcome {
  /** One a row, views of `dim` floats; null for poison. */
  readonly vectors: readonly (Float32Array | null)[];
  /** Children that a poison row ended; by row. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Why the runtime refused a row, alone too; by row. */
  readonly refused: ReadonlyMap<number, EmbedqError>;
  /** Milliseconds inside the child; null where the batch had to be split. */
  readonly computeMs: number | null;
}

export class InferencePool {
  readonly #settings: InferencePoolSettings;
  readonly #children = new Set<InferenceChild>();
  /** Batches that want a second try go before new ones. Bounded by the batches that were running. */
  readonly #waitingForChild: { start: (child: InferenceChild) => void; reject: (error: Error) => void }[] = [];
  readonly #restartTimers = new Set<NodeJS.Timeout>();
  readonly #starting = new Set<Promise<void>>();
  #failedStarts = 0;
  #lastStartProblem: string | null = null;
  #restarts = 0;
  #closed = false;

  private constructor(settings: InferencePoolSettings) {
    this.#settings = settings;
  }

  /**
   * Starts all children; they load side by side.
   * @throws what loading the model threw
   */
  static async start(settings: InferencePoolSettings): Promise<InferencePool> {
    const pool = new InferencePool(settings);
    const starts = await Promise.allSettled(Array.from({ length: settings.size }, () => settings.startChild()));
    for (const start of starts) if (start.status === 'fulfilled') pool.#adopt(start.value);
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed !== undefined) {
      await pool.close();
      throw failed.reason;
    }
    return pool;
  }

  get size(): number {
    return this.#settings.size;
  }

  /** Children that can take a batch or are computing one. */
  get readyChildren(): number {
    return [...this.#children].filter((child) => child.alive).length;
  }

  get runningBatches(): number {
    return [...this.#children].reduce((sum, child) => sum + child.outstanding, 0);
  }

  /** Children that were replaced. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Why the pool cannot compute; null while it can or soon will. */
  get downReason(): string | null {
    if (this.readyChildren > 0 || this.#failedStarts < FAILED_STARTS_UNTIL_DOWN) return null;
    return `${this.#failedStarts} inference processes in a row did not start: ${this.#lastStartProblem}`;
  }

  get processIds(): number[] {
    return [...this.#children].flatMap((child) => child.pid ?? []);
  }

  /** True where a child would begin or queue another batch now. */
  get canTakeBatch(): boolean {
    return this.#waitingForChild.length === 0 && this.#leastBusy() !== null;
  }

  /**
   * Computes a batch, whatever happens to the children.
   * @throws E_INFERENCE_FAILED, E_INFERENCE_UNAVAILABLE, E_CLOSED
   */
  async run(rows: readonly TokenRow[]): Promise<BatchOutcome> {
    const vectors: (Float32Array | null)[] = new Array(rows.length).fill(null);
    const attempts = new Map<number, number>();
    const refused = new Map<number, EmbedqError>();
    let computeMs: number | null = null;
    let deaths = 0;
    let refusal: EmbedqError | null = null;

    const attempt = async (from: number, to: number): Promise<'done' | 'died' | 'refused'> => {
      try {
        const result = await this.#withChild((child) => child.run(rows.slice(from, to)));
        const dim = result.vectors.length / (to - from);
        for (let row = from; row < to; row += 1) {
          vectors[row] = result.vectors.subarray((row - from) * dim, (row - from + 1) * dim);
        }
        if (to - from === rows.length) computeMs = result.computeMs;
        this.#failedStarts = 0;
        return 'done';
      } catch (error) {
        if (error instanceof EmbedqError && error.code === 'E_INFERENCE_FAILED') {
          refusal = error;
          return 'refused';
        }
        if (!(error instanceof ChildDied)) throw error;
        if (!error.wasComputing) return attempt(from, to);
        deaths += 1;
        return 'died';
      } finally {
        this.#offerFreeChildren();
      }
    };

    /** For rows that failed together: halves them, until each row is answered or known to be at fault. */
    const isolate = async (
      from: number,
      to: number,
      failure: 'died' | 'refused',
      loneDeaths: number,
    ): Promise<void> => {
      if (to - from > 1) {
        const middle = (from + to) >> 1;
        for (const [start, end] of [
          [from, middle],
          [middle, to],
        ] as const) {
          const outcome = await attempt(start, end);
          if (outcome !== 'done') await isolate(start, end, outcome, outcome === 'died' ? 1 : 0);
        }
      } else if (failure === 'refused') {
        if (refusal !== null) refused.set(from, refusal);
      } else if (loneDeaths < LONE_DEATHS_OF_POISON) {
        const outcome = await attempt(from, to);
        if (outcome !== 'done') await isolate(from, to, outcome, loneDeaths + 1);
      } else {
        attempts.set(from, deaths);
        this.#settings.log.error(
          { model: this.#settings.model, deaths },
          'a text ends inference processes; it fails alone',
        );
      }
    };

    let outcome = await attempt(0, rows.length);
    // The kill may have had another cause; a refusal would come again.
    if (outcome === 'died') outcome = await attempt(0, rows.length);
    if (outcome !== 'done') await isolate(0, rows.length, outcome, deaths);
    return { vectors, attempts, refused, computeMs: deaths === 0 ? computeMs : null };
  }

  /** Ends all children. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#restartTimers) clearTimeout(timer);
    this.#restartTimers.clear();
    for (const waiting of this.#waitingForChild.splice(0)) waiting.reject(fail('E_CLOSED', {}));
    await Promise.allSettled([...this.#starting]);
    await Promise.allSettled([...this.#children].map((child) => child.stop()));
  }

  #adopt(child: InferenceChild): void {
    this.#children.add(child);
    void child.exited.then((reason) => {
      this.#children.delete(child);
      if (this.#closed) return;
      this.#restarts += 1;
      this.#settings.log.warn(
        { model: this.#settings.model, pid: child.pid, reason },
        'an inference process ended; replacing it',
      );
      // One that died before it did anything may do so again and again; it is not replaced without a pause.
      if (child.diedUnused) this.#retryStart(new Error(reason));
      else this.#replace();
    });
  }

  #replace(): void {
    const start = this.#settings
      .startChild()
      .then(async (child) => {
        if (this.#closed) return child.stop();
        this.#adopt(child);
        this.#offerFreeChildren();
      })
      .catch((error: Error) => this.#retryStart(error))
      .finally(() => this.#starting.delete(start));
    this.#starting.add(start);
  }

  #retryStart(error: Error): void {
    if (this.#closed) return;
    this.#failedStarts += 1;
    this.#lastStartProblem = error.message;
    this.#settings.log.error(
      { model: this.#settings.model, failedStarts: this.#failedStarts, problem: error.message },
      'an inference process could not be started',
    );
    const { downReason } = this;
    if (downReason !== null) {
      for (const waiting of this.#waitingForChild.splice(0)) waiting.reject(this.#unavailable(downReason));
      // Lets the owner notice that the pool is down and refuse what waits.
      this.#settings.onFree();
    }
    const delayMs = Math.min(MAX_RESTART_DELAY_MS, FIRST_RESTART_DELAY_MS * 2 ** (this.#failedStarts - 1));
    const timer = setTimeout(() => {
      this.#restartTimers.delete(timer);
      this.#replace();
    }, delayMs);
    this.#restartTimers.add(timer);
  }

  #leastBusy(): InferenceChild | null {
    let best: InferenceChild | null = null;
    for (const child of this.#children) {
      if (!child.alive || child.outstanding >= this.#settings.batchesPerChild) continue;
      if (best === null || child.outstanding < best.outstanding) best = child;
    }
    return best;
  }

  /**
   * Uses a child as soon as one is free. It is chosen and used in one go, without a turn of the event loop between
   * the two, so that a free place is never given away twice.
   */
  #withChild<Result>(use: (child: InferenceChild) => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(fail('E_CLOSED', {}));
    const { downReason } = this;
    if (downReason !== null) return Promise.reject(this.#unavailable(downReason));
    const child = this.#leastBusy();
    if (child !== null) return use(child);
    return new Promise((resolve, reject) => {
      this.#waitingForChild.push({ start: (free) => use(free).then(resolve, reject), reject });
    });
  }

  #offerFreeChildren(): void {
    for (let child = this.#leastBusy(); child !== null; child = this.#leastBusy()) {
      const waiting = this.#waitingForChild.shift();
      if (waiting === undefined) {
        this.#settings.onFree();
        return;
      }
      waiting.start(child);
    }
  }

  #unavailable(reason: string): Error {
    return fail('E_INFERENCE_UNAVAILABLE', { model: this.#settings.model, reason });
  }
}
