// Serves one model: takes calls, tokenises them, lets the scheduler cut batches, runs these in the pools and puts
// the vectors back together. Everything that waits is bounded; a call ends by answer, deadline, cancel or refusal.
import { type Batch, Scheduler, type SchedulerSettings } from '../batching/scheduler.js';
import type { BackendStatus, LaneStatus, ModelAnswer, ModelBackend, ModelCall } from '../contracts/backend.js';
import type { Lane } from '../contracts/lane.js';
import type { Logger } from '../contracts/log.js';
import type { ModelInfo } from '../contracts/model.js';
import { fail, toEmbedqError, withTextOffset } from '../errors.js';
import { cutToDimensions } from '../inference/chain.js';
import type { InferencePool } from '../inference/inference-pool.js';
import type { TokenRow } from '../inference/token-row.js';
import type { ModelTokenizer } from '../inference/tokenizer.js';
import type { RunRows } from '../models/golden-probes.js';
import { CallInProgress } from './call-in-progress.js';
import type { VectorVerdict } from './check-vectors.js';
import { LanePools, type LanePoolsSettings, type PoolName } from './lane-pools.js';
import { type ChosenPrompt, choosePrompt } from './prompt-text.js';
import { TokenizeTurns } from './tokenize-turns.js';

/** Texts tokenised in one go: a few milliseconds at most, so that an rt text never waits long for a core. */
const TOKENIZE_CHUNK_TEXTS = 16;

export interface ModelWorkerSettings {
  /** What is known before it has computed anything. */
  readonly info: Omit<ModelInfo, 'batchInvariant'>;
  readonly tokenizer: ModelTokenizer;
  readonly scheduler: SchedulerSettings;
  readonly pools: Omit<LanePoolsSettings, 'onFree' | 'onShape'>;
  /** Runs before the worker counts as ready, over the pool that answers rt: the golden probes. */
  readonly checkVectors: (run: RunRows<TokenRow>) => Promise<VectorVerdict>;
  /** True: start the bulk pool now, not with the first bulk text. */
  readonly startBulkAtOnce: boolean;
  readonly log: Logger;
}

/** What a waiting text carries through the scheduler. */
interface TextPayload {
  readonly progress: CallInProgress;
  readonly index: number;
  readonly row: TokenRow;
}

export class ModelWorker implements ModelBackend {
  #info: ModelInfo;
  readonly #tokenizer: ModelTokenizer;
  readonly #scheduler: Scheduler<TextPayload>;
  readonly #log: Logger;
  readonly #turns = new TokenizeTurns();
  readonly #calls = new Set<CallInProgress>();
  readonly #computing = new Set<Promise<void>>();
  #pools: LanePools | null = null;
  #wakeTimer: NodeJS.Timeout | null = null;
  #lastBatch: BackendStatus['lastBatch'] = null;
  #closed = false;

  private constructor(settings: ModelWorkerSettings) {
    this.#info = { ...settings.info, batchInvariant: false };
    this.#tokenizer = settings.tokenizer;
    this.#scheduler = new Scheduler(settings.scheduler);
    this.#log = settings.log;
  }

  /**
   * Load, probes, then ready.
   * @throws what loading the model in a child throws, and what `checkVectors` throws
   */
  static async start(settings: ModelWorkerSettings): Promise<ModelWorker> {
    const worker = new ModelWorker(settings);
    const { maxBatchTokens } = settings.scheduler.lanes.bulk;
    const pools = await LanePools.start({
      ...settings.pools,
      onFree: () => worker.#pump(),
      onShape: (shape) => worker.#scheduler.setTargetBatchTokens('bulk', Math.min(shape.targetTokens, maxBatchTokens)),
    });
    worker.#pools = pools;
    try {
      const { batchInvariant, warnings } = await settings.checkVectors((rows) =>
        computeDirectly(pools.poolOf('rt'), rows),
      );
      worker.#info = { ...settings.info, batchInvariant, warnings: [...settings.info.warnings, ...warnings] };
      if (settings.startBulkAtOnce) await pools.ensureBulk();
    } catch (error) {
      await worker.close();
      throw error;
    }
    return worker;
  }

  get info(): ModelInfo {
    return this.#info;
  }

  async embed(call: ModelCall): Promise<ModelAnswer> {
    const pools = this.#pools;
    if (this.#closed || pools === null) throw fail('E_CLOSED', {});
    const { alias, dim } = this.info;
    const { dimensions } = call;
    if (dimensions !== null && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= dim)) {
      throw fail('E_DIMENSIONS_INVALID', { model: alias, dimensions, dim });
    }
    const prompt = choosePrompt(call.prompt, this.info);
    const down = pools.poolOf(call.lane)?.downReason ?? null;
    if (down !== null) throw fail('E_INFERENCE_UNAVAILABLE', { model: alias, reason: down });
    if (call.signal?.aborted) throw fail('E_CANCELLED', { texts: call.texts.length });

    const { lane, deadlineAtMs } = call;
    const ticket = this.#scheduler.admit({ lane, texts: call.texts.length, deadlineAtMs });
    const progress = new CallInProgress(call, ticket);
    this.#calls.add(progress);
    const release = this.#endEarly(progress);
    try {
      if (lane === 'bulk') void pools.ensureBulk().catch((error: unknown) => progress.failCall(toEmbedqError(error)));
      await this.#tokenize(progress, prompt);
      await progress.settled;
    } finally {
      release();
      this.#calls.delete(progress);
      this.#scheduler.cancel(ticket);
    }
    const vectors =
      dimensions === null
        ? progress.vectors
        : progress.vectors.map((vector) => (vector.length === 0 ? vector : cutToDimensions(vector, dimensions)));
    return {
      dim: dimensions ?? dim,
      vectors,
      promptName: prompt.name,
      tokens: progress.tokens,
      truncated: progress.truncated,
      failedTexts: progress.failedTexts,
      warnings: this.info.warnings,
    };
  }

  status(): BackendStatus {
    const pools = this.#pools;
    const pool = (lane: Lane) => pools?.poolOf(lane);
    const lane = (name: Lane): LaneStatus => {
      const waiting = this.#scheduler.waiting(name);
      return {
        waitingTexts: waiting.texts,
        waitingTokens: waiting.tokens,
        runningBatches: pool(name)?.runningBatches ?? 0,
        readyChildren: pool(name)?.readyChildren ?? 0,
      };
    };
    const { state, reason } = this.#health(pools);
    return {
      alias: this.info.alias,
      state,
      reason,
      mode: pools?.mode ?? 'pools',
      lanes: { rt: lane('rt'), bulk: lane('bulk') },
      childRestarts: pools?.restarts ?? 0,
      lastBatch: this.#lastBatch,
    };
  }

  /** Refuses new calls, lets those in progress end, then ends the children. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await Promise.allSettled([...this.#calls].map((progress) => progress.settled));
      await Promise.allSettled([...this.#computing]);
    }
    if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer);
    this.#wakeTimer = null;
    await this.#pools?.close();
  }

  #health(pools: LanePools | null): Pick<BackendStatus, 'state' | 'reason'> {
    if (this.#closed || pools === null) return { state: 'down', reason: 'it is shutting down' };
    const running = [...pools.running];
    const down = running.filter(([, pool]) => pool.downReason !== null);
    const [worst] = down;
    if (worst !== undefined) {
      const [name, { downReason }] = worst;
      return { state: down.length === running.length ? 'down' : 'degraded', reason: `${name}: ${downReason}` };
    }
    for (const [name, { readyChildren, size }] of running) {
      // Calls wait for the replacement, which takes less than a second.
      if (readyChildren < size) {
        return { state: 'degraded', reason: `${readyChildren} of ${size} ${name} inference processes are ready` };
      }
    }
    return { state: 'ready', reason: null };
  }

  /** Arms deadline and cancellation; the returned function disarms both. */
  #endEarly(progress: CallInProgress): () => void {
    const { call } = progress;
    const end = (error: Error) => {
      this.#scheduler.cancel(progress.ticket);
      progress.failCall(error);
    };
    const startedAtMs = performance.now();
    const onAbort = () => end(fail('E_CANCELLED', { texts: progress.missing }));
    const onDeadline = () => {
      const timeoutMs = (call.deadlineAtMs ?? startedAtMs) - startedAtMs;
      end(fail('E_DEADLINE_EXCEEDED', { timeoutMs, texts: call.texts.length, waiting: progress.missing }));
    };
    const timer =
      call.deadlineAtMs === null ? null : setTimeout(onDeadline, Math.max(0, call.deadlineAtMs - startedAtMs));
    call.signal?.addEventListener('abort', onAbort, { once: true });
    return () => {
      if (timer !== null) clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    };
  }

  async #tokenize(progress: CallInProgress, prompt: ChosenPrompt): Promise<void> {
    const { texts, lane } = progress.call;
    const chosen = prompt.text === '' ? null : { text: prompt.text };
    for (let start = 0; start < texts.length && !progress.ended; start += TOKENIZE_CHUNK_TEXTS) {
      const chunk = texts.slice(start, start + TOKENIZE_CHUNK_TEXTS);
      const tokenize = () =>
        this.#tokenizer.tokenize(chunk, chosen).catch((error: unknown) => {
          throw withTextOffset(toEmbedqError(error), start);
        });
      try {
        const rows = await (lane === 'bulk' ? this.#turns.run(tokenize) : tokenize());
        for (const [offset, row] of rows.entries()) this.#addRow(progress, start + offset, row);
      } catch (error) {
        progress.failCall(toEmbedqError(error));
      }
      this.#pump();
    }
  }

  #addRow(progress: CallInProgress, index: number, row: TokenRow): void {
    if (progress.ended) return;
    const { maxSeq } = this.info;
    if (row.fullLength > row.ids.length) {
      if (!progress.call.truncate) throw fail('E_TEXT_TOO_LONG', { index, tokens: row.fullLength, maxTokens: maxSeq });
      progress.truncated += 1;
    }
    progress.tokens += row.ids.length;
    this.#scheduler.add(progress.ticket, row.ids.length, { progress, index, row });
  }

  /** Gives every free child a batch. Called whenever something changed: a text came, a child got free. */
  #pump(): void {
    const pools = this.#pools;
    if (pools === null) return;
    for (const [name, pool] of pools.running) {
      if (pool.downReason !== null) {
        this.#failWaiting(name, pool.downReason);
        continue;
      }
      while (pool.canTakeBatch) {
        const batch = this.#scheduler.next(name);
        if (batch === null) break;
        const computing = this.#compute(pool, batch).finally(() => this.#computing.delete(computing));
        this.#computing.add(computing);
      }
    }
    this.#scheduleWake(pools);
  }

  async #compute(pool: InferencePool, batch: Batch<TextPayload>): Promise<void> {
    const payloads = batch.texts.map((text) => text.payload);
    const startedAtMs = performance.now();
    try {
      const outcome = await pool.run(payloads.map(({ row }) => row));
      const durationMs = outcome.computeMs ?? performance.now() - startedAtMs;
      if (outcome.computeMs === null) this.#scheduler.abandon(batch);
      else this.#scheduler.recordBatch(batch, durationMs);
      this.#noteBatch(batch, durationMs);
      payloads.forEach(({ progress, index }, row) => {
        const vector = outcome.vectors[row] ?? null;
        const refusal = outcome.refused.get(row);
        if (vector !== null) progress.place(index, vector);
        else if (refusal !== undefined) progress.failCall(refusal);
        else progress.failText(index, outcome.attempts.get(row) ?? 0);
      });
    } catch (error) {
      this.#scheduler.abandon(batch);
      for (const { progress } of payloads) progress.failCall(toEmbedqError(error));
    }
  }

  #noteBatch(batch: Batch<TextPayload>, durationMs: number): void {
    const tokens = batch.texts.reduce((sum, text) => sum + text.tokens, 0);
    const texts = batch.texts.length;
    this.#lastBatch = { lane: batch.lane, texts, tokens, durationMs, endedAt: new Date().toISOString() };
    const { paddedTokens } = batch;
    this.#log.debug({ model: this.info.alias, lane: batch.lane, texts, tokens, paddedTokens, durationMs }, 'batch');
  }

  #failWaiting(pool: PoolName, reason: string): void {
    for (const progress of this.#calls) {
      if (pool !== 'shared' && progress.call.lane !== pool) continue;
      progress.failCall(fail('E_INFERENCE_UNAVAILABLE', { model: this.info.alias, reason }));
    }
  }

  #scheduleWake(pools: LanePools): void {
    if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer);
    this.#wakeTimer = null;
    if (this.#closed && this.#calls.size === 0) return;
    const times = [...pools.running.keys()].flatMap((name) => this.#scheduler.wakeAtMs(name) ?? []);
    if (times.length === 0) return;
    const delayMs = Math.max(0, Math.min(...times) - performance.now());
    this.#wakeTimer = setTimeout(() => this.#pump(), delayMs);
  }
}

/** One batch outside the lanes, for the probes before the worker takes calls. */
async function computeDirectly(pool: InferencePool | undefined, rows: readonly TokenRow[]): Promise<Float32Array> {
  const outcome = await pool?.run(rows);
  const vectors = outcome?.vectors.filter((vector) => vector !== null) ?? [];
  if (vectors.length !== rows.length) throw fail('E_INFERENCE_FAILED', { problem: 'a golden probe ended its process' });
  const dim = vectors[0]?.length ?? 0;
  const flat = new Float32Array(rows.length * dim);
  vectors.forEach((vector, row) => {
    flat.set(vector, row * dim);
  });
  return flat;
}
