// Decides what is computed next. Calls are admitted against bounds, their texts wait in lanes, and a batch is bound
// only when a process asks for one. Pure: it holds no timer and does no I/O; the clock is given to it.
//
// Two modes, one scheduler. `pools`: each lane has processes of its own and the operating system referees, so rt
// waits for no bulk batch at all. `shared`: both lanes use the same processes; rt goes first, bulk batches are cut to
// what ends within bulkSliceMs, and an rt text waits for at most one such slice.
//
// Every batch that `next` gave comes back through exactly one of recordBatch, giveBack and abandon.
import { LANES, type Lane } from '../contracts/lane.js';
import { fail } from '../errors.js';
import type { Batch, CallTicket, WaitingText } from './batch.js';
import { CostModel } from './cost-model.js';
import { DrainRate } from './drain-rate.js';
import { LaneQueue, QueuedCall, QueuedText } from './lane-queue.js';

export type { Batch, CallTicket, WaitingText } from './batch.js';

export interface LaneSettings {
  /** Padded tokens of one batch at most; only a text that is longer on its own exceeds it, alone. */
  readonly maxBatchTokens: number;
  /** Padded tokens that were measured as fastest; batches are cut to this (never above maxBatchTokens). */
  readonly targetBatchTokens: number;
  /** How long a batch that is not full may be held back while a process is free; 0: not at all. */
  readonly maxWaitMs: number;
  /** Texts that wait or have room reserved, at most. */
  readonly maxQueuedTexts: number;
  /** Tokens that wait, at most; texts not tokenised yet count as much as the lane's texts have on average. */
  readonly maxQueuedTokens: number;
}

export type Pool = Lane | 'shared';

export interface SchedulerSettings {
  readonly mode: 'pools' | 'shared';
  readonly lanes: Readonly<Record<Lane, LaneSettings>>;
  /** Shared mode: how long a bulk batch may take. */
  readonly bulkSliceMs: number;
  /** Shared mode: where rt leaves no process free for this long, waiting bulk gets one slice between rt batches. */
  readonly bulkAgeingMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface LaneLoad {
  /** Tokenised and waiting. */
  readonly texts: number;
  readonly tokens: number;
  /** Admitted, not tokenised yet. */
  readonly reservedTexts: number;
}

interface LaneState<Payload> {
  readonly lane: Lane;
  readonly settings: LaneSettings;
  readonly queue: LaneQueue<Payload>;
  /** In shared mode both lanes learn one model: the processes are the same. */
  readonly cost: CostModel;
  readonly drain: DrainRate;
  readonly expiredCalls: Set<QueuedCall<Payload>>;
  targetBatchTokens: number;
  reservedTexts: number;
  runningBatches: number;
  /** Moving average of the tokens of a text. */
  meanTokens: number;
  lastBatchGivenAtMs: number;
  lastBatchEndedAtMs: number;
}

/** Tokens that a text is expected to have before the lane has seen any: a sentence or two. */
const FIRST_MEAN_TOKENS = 64;
/** Share of the newest text in the moving average. */
const MEAN_TOKENS_WEIGHT = 0.01;

export class Scheduler<Payload> {
  readonly #settings: SchedulerSettings;
  readonly #lanes: Readonly<Record<Lane, LaneState<Payload>>>;
  readonly #calls = new WeakMap<CallTicket, QueuedCall<Payload>>();
  /** Batches that were given and have not come back. */
  readonly #running = new Map<Batch<Payload>, readonly QueuedText<Payload>[]>();
  #sequence = 0;

  constructor(settings: SchedulerSettings) {
    this.#settings = settings;
    const rtCost = new CostModel();
    const bulkCost = settings.mode === 'shared' ? rtCost : new CostModel();
    this.#lanes = {
      rt: newLane<Payload>('rt', settings.lanes.rt, rtCost),
      bulk: newLane<Payload>('bulk', settings.lanes.bulk, bulkCost),
    };
  }

  /**
   * Reserves room for a call's texts before they are tokenised: all of them or none.
   * @throws E_OVERLOADED with the time after which room is expected; E_TOO_MANY_TEXTS where the lane can never hold them
   */
  admit(call: { lane: Lane; texts: number; deadlineAtMs: number | null }): CallTicket {
    const lane = this.#lanes[call.lane];
    const { maxQueuedTexts, maxQueuedTokens } = lane.settings;
    if (call.texts > maxQueuedTexts) throw fail('E_TOO_MANY_TEXTS', { texts: call.texts, limit: maxQueuedTexts });
    const heldTexts = lane.queue.texts + lane.reservedTexts;
    const expectedTokens = lane.queue.tokens + (lane.reservedTexts + call.texts) * lane.meanTokens;
    const excessTexts = heldTexts + call.texts - maxQueuedTexts;
    const excessTokens = expectedTokens - maxQueuedTokens;
    // An empty lane takes any call by tokens: refusing it would refuse it for ever, on the word of an average.
    if (excessTexts > 0 || (excessTokens > 0 && heldTexts > 0)) {
      this.#mark(lane);
      throw fail('E_OVERLOADED', {
        lane: lane.lane,
        waitingTexts: heldTexts,
        limitTexts: maxQueuedTexts,
        waitingTokens: Math.round(lane.queue.tokens + lane.reservedTexts * lane.meanTokens),
        limitTokens: maxQueuedTokens,
        retryAfterMs: lane.drain.retryAfterMs(excessTexts, excessTokens),
      });
    }
    const ticket: CallTicket = Object.freeze({ lane: call.lane, deadlineAtMs: call.deadlineAtMs });
    this.#calls.set(ticket, new QueuedCall<Payload>(ticket, call.texts, this.#nextSequence()));
    lane.reservedTexts += call.texts;
    return ticket;
  }

  /** One tokenised text of an admitted call becomes waiting. Does nothing where the call was cancelled meanwhile. */
  add(ticket: CallTicket, tokens: number, payload: Payload): void {
    const call = this.#callOf(ticket);
    if (call.isCancelled) return;
    if (call.reservedTexts === 0) throw fail('E_INTERNAL', { problem: 'more texts were added than the call reserved' });
    const lane = this.#lanes[ticket.lane];
    call.reservedTexts -= 1;
    lane.reservedTexts -= 1;
    lane.meanTokens += (tokens - lane.meanTokens) * MEAN_TOKENS_WEIGHT;
    lane.queue.add(new QueuedText(call, tokens, payload, this.#settings.now(), this.#nextSequence()));
    this.#mark(lane);
  }

  /**
   * Ends a call: gives back the room of texts that will not be added, and removes those that wait (also those whose
   * deadline has passed and that dropExpired did not return yet). Returns their payloads. Texts in running batches
   * run on; where such a batch is given back, they are left out. Idempotent.
   */
  cancel(ticket: CallTicket): Payload[] {
    const call = this.#callOf(ticket);
    const lane = this.#lanes[ticket.lane];
    call.isCancelled = true;
    lane.reservedTexts -= call.reservedTexts;
    call.reservedTexts = 0;
    const removed = [...call.expired, ...lane.queue.removeCall(call)];
    call.expired = [];
    lane.expiredCalls.delete(call);
    this.#mark(lane);
    return removed.map((text) => text.payload);
  }

  /** Texts whose deadline has passed while they waited; each is returned once and never computed. */
  dropExpired(): WaitingText<Payload>[] {
    const dropped: WaitingText<Payload>[] = [];
    for (const name of LANES) {
      const lane = this.#lanes[name];
      this.#expire(lane);
      for (const call of lane.expiredCalls) {
        for (const text of call.expired) dropped.push(text);
        call.expired = [];
      }
      lane.expiredCalls.clear();
    }
    return dropped;
  }

  /** The next batch for a free process of this pool; null: nothing that may run now. */
  next(pool: Pool): Batch<Payload> | null {
    for (const lane of this.#lanesOf(pool)) this.#expire(lane);
    const lane = pool === 'shared' ? this.#laneForSharedProcess() : this.#lanes[pool];
    return lane !== null && this.#isRipe(lane) ? this.#take(lane) : null;
  }

  /**
   * When `next` should be asked again for a free process although nothing new happened: the end of a wait for a
   * fuller batch. On the scheduler's clock; null: only after the next event. Ageing needs no waking: it decides who
   * goes first when a process frees up, and a process that is free has nothing to decide between.
   */
  wakeAtMs(pool: Pool): number | null {
    let wakeAtMs: number | null = null;
    for (const lane of this.#lanesOf(pool)) {
      if (lane.queue.texts === 0 || this.#isRipe(lane)) continue;
      wakeAtMs = Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, this.#heldUntilMs(lane));
    }
    return wakeAtMs;
  }

  /** When dropExpired will next have something to return; null: never, as things are. */
  nextDeadlineAtMs(): number | null {
    let earliestMs: number | null = null;
    for (const name of LANES) {
      const lane = this.#lanes[name];
      const deadlineAtMs = lane.expiredCalls.size > 0 ? this.#settings.now() : lane.queue.nextDeadlineAtMs;
      if (deadlineAtMs !== null && (earliestMs === null || deadlineAtMs < earliestMs)) earliestMs = deadlineAtMs;
    }
    return earliestMs;
  }

  /**
   * A batch was computed; what it cost feeds retryAfterMs and the size of slices. Also takes batches that did not
   * come from `next` (parts of a batch that was split): they are measured only.
   */
  recordBatch(batch: Batch<Payload>, durationMs: number): void {
    const lane = this.#lanes[batch.lane];
    lane.cost.record(batch.paddedTokens, durationMs);
    this.#mark(lane);
    let tokens = 0;
    for (const text of batch.texts) tokens += text.tokens;
    lane.drain.ended(batch.texts.length, tokens);
    this.#end(batch);
  }

  /**
   * Puts the texts of a batch that was not computed back: they are the next to be given, even where the bounds are
   * reached. Texts of calls that were cancelled meanwhile are left out.
   */
  giveBack(batch: Batch<Payload>): void {
    const texts = this.#end(batch);
    if (texts === null) throw fail('E_INTERNAL', { problem: 'a batch was given back that is not running' });
    const lane = this.#lanes[batch.lane];
    lane.queue.giveBack(texts.filter((text) => !text.owner.isCancelled));
    this.#mark(lane);
  }

  /** A batch ended without a duration worth learning from (it failed, or was split and tried in parts). Idempotent. */
  abandon(batch: Batch<Payload>): void {
    this.#end(batch);
  }

  waiting(lane: Lane): LaneLoad {
    const { queue, reservedTexts } = this.#lanes[lane];
    return { texts: queue.texts, tokens: queue.tokens, reservedTexts };
  }

  setTargetBatchTokens(lane: Lane, tokens: number): void {
    this.#lanes[lane].targetBatchTokens = tokens;
  }

  /** Who gets a process that both lanes use; null: nobody. */
  #laneForSharedProcess(): LaneState<Payload> | null {
    const { rt, bulk } = this.#lanes;
    if (!this.#isRipe(bulk)) return rt;
    if (rt.queue.texts === 0) return bulk;
    // A slice now would make waiting rt texts wait for it: fair once, while none of them has met a slice before.
    const mayDelayRt = !this.#oldestRtMetSlice();
    if (this.#isRipe(rt)) return mayDelayRt && this.#bulkHasAged() ? bulk : rt;
    // rt is being held for a fuller batch; the process need not stand idle meanwhile.
    return mayDelayRt ? bulk : null;
  }

  /** Did a bulk batch run at any time since the oldest waiting rt text came? Then that text has had its one slice. */
  #oldestRtMetSlice(): boolean {
    const { rt, bulk } = this.#lanes;
    const { oldest } = rt.queue;
    return oldest !== null && (bulk.runningBatches > 0 || bulk.lastBatchEndedAtMs > oldest.addedAtMs);
  }

  /** Counts from bulk's last batch, so that steady rt load costs bulk its speed but rt no more than a slice a while. */
  #bulkHasAged(): boolean {
    const { bulk } = this.#lanes;
    const { oldest } = bulk.queue;
    if (oldest === null) return false;
    const waitingSinceMs = Math.max(oldest.addedAtMs, bulk.lastBatchGivenAtMs);
    return this.#settings.now() - waitingSinceMs >= this.#settings.bulkAgeingMs;
  }

  /** Something waits, and there is no reason to wait for more. */
  #isRipe(lane: LaneState<Payload>): boolean {
    const { queue, settings } = lane;
    if (queue.texts === 0) return false;
    if (settings.maxWaitMs === 0 || queue.hasGivenBack || queue.tokens >= this.#batchLimit(lane)) return true;
    return this.#heldUntilMs(lane) <= this.#settings.now();
  }

  /** Until when a lane that could not fill a batch is held: no text beyond maxWaitMs, none past its deadline. */
  #heldUntilMs(lane: LaneState<Payload>): number {
    const { oldest, nextDeadlineAtMs } = lane.queue;
    if (oldest === null) return Number.POSITIVE_INFINITY;
    const heldUntilMs = oldest.addedAtMs + lane.settings.maxWaitMs;
    if (nextDeadlineAtMs === null) return heldUntilMs;
    // Twice what computing all that waits should take (less than a batch waits here); unmeasured, half the longest hold.
    const expectedMs = lane.cost.expectedMs(lane.queue.tokens) ?? lane.settings.maxWaitMs / 4;
    return Math.min(heldUntilMs, nextDeadlineAtMs - 2 * expectedMs);
  }

  /** Padded tokens that the lane's next batch may have. */
  #batchLimit(lane: LaneState<Payload>): number {
    const limit = Math.min(lane.targetBatchTokens, lane.settings.maxBatchTokens);
    if (this.#settings.mode === 'pools' || lane.lane === 'rt') return limit;
    return Math.min(limit, lane.cost.tokensWithin(this.#settings.bulkSliceMs));
  }

  #take(lane: LaneState<Payload>): Batch<Payload> {
    const texts = lane.queue.take(this.#batchLimit(lane));
    let longestTokens = 0;
    for (const text of texts) longestTokens = Math.max(longestTokens, text.tokens);
    const batch = Object.freeze({
      lane: lane.lane,
      texts,
      longestTokens,
      paddedTokens: texts.length * longestTokens,
    });
    this.#running.set(batch, texts);
    lane.runningBatches += 1;
    lane.lastBatchGivenAtMs = this.#settings.now();
    this.#mark(lane);
    return batch;
  }

  /** Takes the batch off the running ones; null where it was not among them. */
  #end(batch: Batch<Payload>): readonly QueuedText<Payload>[] | null {
    const texts = this.#running.get(batch);
    if (texts === undefined) return null;
    this.#running.delete(batch);
    const lane = this.#lanes[batch.lane];
    lane.runningBatches -= 1;
    lane.lastBatchEndedAtMs = this.#settings.now();
    this.#mark(lane);
    return texts;
  }

  #expire(lane: LaneState<Payload>): void {
    const nowMs = this.#settings.now();
    for (let call = lane.queue.nextExpired(nowMs); call !== null; call = lane.queue.nextExpired(nowMs)) {
      for (const text of lane.queue.removeCall(call)) call.expired.push(text);
      lane.expiredCalls.add(call);
      this.#mark(lane);
    }
  }

  /** Keeps the lane's working time right; called whenever its load may have changed. */
  #mark(lane: LaneState<Payload>): void {
    lane.drain.mark(lane.queue.texts > 0 || lane.runningBatches > 0, this.#settings.now());
  }

  #lanesOf(pool: Pool): readonly LaneState<Payload>[] {
    if ((pool === 'shared') !== (this.#settings.mode === 'shared')) {
      throw fail('E_INTERNAL', { problem: `there is no pool "${pool}" in mode ${this.#settings.mode}` });
    }
    return pool === 'shared' ? [this.#lanes.rt, this.#lanes.bulk] : [this.#lanes[pool]];
  }

  #callOf(ticket: CallTicket): QueuedCall<Payload> {
    const call = this.#calls.get(ticket);
    if (call === undefined) throw fail('E_INTERNAL', { problem: 'the ticket is not of this scheduler' });
    return call;
  }

  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function newLane<Payload>(lane: Lane, settings: LaneSettings, cost: CostModel): LaneState<Payload> {
  return {
    lane,
    settings,
    queue: new LaneQueue<Payload>(lane),
    cost,
    drain: new DrainRate(),
    expiredCalls: new Set(),
    targetBatchTokens: settings.targetBatchTokens,
    reservedTexts: 0,
    runningBatches: 0,
    meanTokens: FIRST_MEAN_TOKENS,
    lastBatchGivenAtMs: Number.NEGATIVE_INFINITY,
    lastBatchEndedAtMs: Number.NEGATIVE_INFINITY,
  };
}
