// The inference pools of one model: the rt pool from the start, the bulk pool when the first bulk text comes (a
// command that embeds one line should not wait for it), or one pool for both lanes.
import { z } from 'zod';
import type { BackendStatus } from '../contracts/backend.js';
import type { Lane } from '../contracts/lane.js';
import type { Logger } from '../contracts/log.js';
import { fail } from '../errors.js';
import { type BatchShape, measureBatchShape, PROBE_ROW_TOKENS } from '../inference/batch-shape.js';
import { InferenceChild } from '../inference/inference-child.js';
import { InferencePool } from '../inference/inference-pool.js';
import type { MeasurementCache } from '../inference/measurement-cache.js';
import { bulkShapeCandidates, type PoolPlan, type PoolShape } from '../inference/pool-plan.js';
import type { TokenRow } from '../inference/token-row.js';
import type { ModelDescription } from '../models/description.js';

/** Bulk children give way to everything else on the machine. */
const BULK_NICENESS = 19;
/** A bulk child computes one batch while the next already waits in it: the channel's round trip costs nothing then. */
const BULK_BATCHES_PER_CHILD = 2;
const CACHE_NOT_WRITABLE = 'MODELS_CACHE_DIR cannot be written: every start will measure the batch size again';
/** About as long as a second pool shape takes to start; measuring batch sizes is shared over the shapes. */
const PROBE_BUDGET_MS = 900;

export const measuredShapeSchema = z.object({
  children: z.int().positive(),
  threads: z.int().positive(),
  targetTokens: z.int().positive(),
  tokensPerMs: z.number().positive(),
});

/** What the start-up probe found best for bulk. */
export type MeasuredShape = PoolShape & BatchShape;

export type PoolName = 'rt' | 'bulk' | 'shared';

export interface LanePoolsSettings {
  readonly model: ModelDescription;
  readonly plan: PoolPlan;
  readonly cores: number;
  readonly childEntry: URL;
  readonly batchTimeoutMs: number;
  /** Most padded tokens of a bulk batch. */
  readonly maxBatchTokensBulk: number;
  /** A row of this model's own tokens, as the probe's input. */
  readonly probeRow: TokenRow;
  /** null: do not measure, use the planned shape and a common batch size. */
  readonly shapeCache: MeasurementCache<MeasuredShape> | null;
  readonly onFree: () => void;
  /** Called when it is known how large bulk batches should be. */
  readonly onShape: (shape: BatchShape) => void;
  readonly log: Logger;
}

export class LanePools {
  readonly #settings: LanePoolsSettings;
  readonly #pools = new Map<PoolName, InferencePool>();
  #bulkStart: Promise<void> | null = null;
  #closed = false;

  private constructor(settings: LanePoolsSettings) {
    this.#settings = settings;
  }

  /** Starts the pool that answers rt. */
  static async start(settings: LanePoolsSettings): Promise<LanePools> {
    const pools = new LanePools(settings);
    const { plan } = settings;
    const name = plan.mode === 'shared' ? 'shared' : 'rt';
    pools.#pools.set(name, await pools.#open(name, plan.mode === 'shared' ? plan.shared : plan.rt));
    return pools;
  }

  get mode(): BackendStatus['mode'] {
    return this.#settings.plan.mode;
  }

  /** The pools that run now. */
  get running(): ReadonlyMap<PoolName, InferencePool> {
    return this.#pools;
  }

  poolOf(lane: Lane): InferencePool | undefined {
    return this.#pools.get(this.mode === 'shared' ? 'shared' : lane);
  }

  /** Starts the bulk pool if it does not run yet, and finds its shape. */
  ensureBulk(): Promise<void> {
    if (this.#settings.plan.mode === 'shared') return Promise.resolve();
    this.#bulkStart ??= this.#startBulk(this.#settings.plan.bulk).catch((error: unknown) => {
      // The next bulk call may try again.
      this.#bulkStart = null;
      throw error;
    });
    return this.#bulkStart;
  }

  get restarts(): number {
    return [...this.#pools.values()].reduce((sum, pool) => sum + pool.restarts, 0);
  }

  /** Ends the pools in the reverse order of their start. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#bulkStart?.catch(() => {});
    for (const pool of [...this.#pools.values()].reverse()) await pool.close();
  }

  #open(name: PoolName, shape: PoolShape): Promise<InferencePool> {
    const { model, childEntry, batchTimeoutMs, onFree, log } = this.#settings;
    return InferencePool.start({
      model: model.name,
      size: shape.children,
      batchesPerChild: name === 'bulk' ? BULK_BATCHES_PER_CHILD : 1,
      startChild: () =>
        InferenceChild.start({
          entry: childEntry,
          model,
          threads: shape.threads,
          niceness: name === 'bulk' ? BULK_NICENESS : 0,
          batchTimeoutMs,
        }),
      onFree,
      log,
    });
  }

  async #startBulk(planned: PoolShape): Promise<void> {
    const { shapeCache, onShape, onFree, log, model } = this.#settings;
    const known = await shapeCache?.read();
    const found = known || shapeCache === null ? null : await this.#findShape(planned);
    const shape = known ?? found?.shape ?? null;
    const pool = found?.pool ?? (await this.#open('bulk', shape ?? planned));
    // Only now may the scheduler use it: while shapes were being measured, pools came and went.
    this.#pools.set('bulk', pool);
    if (shape !== null) {
      onShape(shape);
      log.info({ model: model.name, ...shape, measuredNow: found !== null }, 'bulk pool ready');
    }
    onFree();
  }

  /** Tries each pool shape with each batch size. The last pool tried stays open where its shape won. */
  async #findShape(planned: PoolShape): Promise<{ shape: MeasuredShape; pool: InferencePool | null }> {
    const { shapeCache, cores, log, model } = this.#settings;
    const candidates = bulkShapeCandidates(planned, cores).reverse();
    const measured: MeasuredShape[] = [];
    let pool: InferencePool | null = null;
    try {
      for (const candidate of candidates) {
        if (this.#closed) throw fail('E_CLOSED', {});
        await pool?.close();
        pool = await this.#open('bulk', candidate);
        measured.push({ ...candidate, ...(await this.#measure(pool, candidate, PROBE_BUDGET_MS / candidates.length)) });
      }
    } catch (error) {
      await pool?.close();
      throw error;
    }
    const shape = measured.reduce((best, other) => (other.tokensPerMs > best.tokensPerMs ? other : best));
    if ((await shapeCache?.write(shape)) === false) log.warn({ model: model.name }, CACHE_NOT_WRITABLE);
    if (shape === measured.at(-1)) return { shape, pool };
    await pool?.close();
    return { shape, pool: null };
  }

  #measure(pool: InferencePool, { children }: PoolShape, budgetMs: number): Promise<BatchShape> {
    const { maxBatchTokensBulk, probeRow } = this.#settings;
    const ids = probeRow.ids.subarray(0, PROBE_ROW_TOKENS);
    const row: TokenRow = { ids, promptTokens: 0, fullLength: ids.length };
    return measureBatchShape({
      runBatches: async (rows) => {
        const batch = new Array<TokenRow>(rows).fill(row);
        await Promise.all(Array.from({ length: children }, () => pool.run(batch)));
      },
      children,
      maxTokens: Math.max(maxBatchTokensBulk, PROBE_ROW_TOKENS),
      budgetMs,
      now: () => performance.now(),
    });
  }
}
