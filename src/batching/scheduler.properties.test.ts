// What holds under any order of calls, texts, cancellations, deadlines, free processes and deaths: the scheduler runs
// beside a plain model that knows where each text is, and must agree with it after every step.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../contracts/lane.js';
import { EmbedqError } from '../errors.js';
import { type Batch, type CallTicket, type LaneSettings, type Pool, Scheduler } from './scheduler.js';

type Place = 'reserved' | 'waiting' | 'late' | 'running' | 'computed' | 'cancelled' | 'dropped' | 'abandoned';

interface ModelText {
  place: Place;
  tokens: number;
  readonly call: ModelCall;
}

interface ModelCall {
  readonly ticket: CallTicket;
  readonly texts: ModelText[];
  isCancelled: boolean;
}

type Step =
  | { do: 'admit'; lane: Lane; texts: number; timeoutMs: number | null }
  | { do: 'add'; pick: number; tokens: number }
  | { do: 'cancel'; pick: number }
  | { do: 'pass'; ms: number }
  | { do: 'drop' }
  | { do: 'next'; pick: number }
  | { do: 'record' | 'giveBack' | 'abandon'; pick: number };

const pick = fc.nat({ max: 1000 });
const lane = fc.constantFrom<Lane>('rt', 'bulk');
const tokens = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 600 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      lane,
      texts: fc.integer({ min: 1, max: 30 }),
      timeoutMs: fc.option(fc.nat({ max: 80 })),
    }),
  },
  { weight: 25, arbitrary: fc.record({ do: fc.constant('add' as const), pick, tokens }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('next' as const), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('record' as const, 'giveBack' as const, 'abandon' as const), pick }),
  },
);

const laneSettings: fc.Arbitrary<LaneSettings> = fc.record({
  maxBatchTokens: fc.integer({ min: 50, max: 1000 }),
  targetBatchTokens: fc.integer({ min: 50, max: 1000 }),
  maxWaitMs: fc.constantFrom(0, 0, 25),
  maxQueuedTexts: fc.integer({ min: 20, max: 100 }),
  maxQueuedTokens: fc.integer({ min: 1000, max: 20_000 }),
});

/** One run of the scheduler beside the model; every method checks what the scheduler answers. */
class CheckedRun {
  nowMs = 0;
  readonly scheduler: Scheduler<ModelText>;
  readonly calls: ModelCall[] = [];
  readonly texts: ModelText[] = [];
  readonly running: Batch<ModelText>[] = [];
  readonly pools: readonly Pool[];

  constructor(
    readonly mode: 'pools' | 'shared',
    readonly lanes: Record<Lane, LaneSettings>,
  ) {
    this.pools = mode === 'shared' ? ['shared'] : ['rt', 'bulk'];
    this.scheduler = new Scheduler<ModelText>({
      mode,
      lanes,
      bulkSliceMs: 10,
      bulkAgeingMs: 20,
      now: () => this.nowMs,
    });
  }

  apply(step: Step): void {
    if (step.do === 'admit') this.admit(step.lane, step.texts, step.timeoutMs);
    else if (step.do === 'add') this.add(step.pick, step.tokens);
    else if (step.do === 'cancel') this.cancel(this.calls[step.pick % Math.max(1, this.calls.length)]);
    else if (step.do === 'pass') this.nowMs += step.ms;
    else if (step.do === 'drop') this.drop();
    else if (step.do === 'next') this.next(this.pools[step.pick % this.pools.length] ?? 'rt');
    else this.end(step.do, step.pick);
    this.checkLoad();
  }

  admit(lane: Lane, texts: number, timeoutMs: number | null): void {
    const before = this.scheduler.waiting(lane);
    const held = before.texts + before.reservedTexts;
    const { maxQueuedTexts } = this.lanes[lane];
    try {
      const deadlineAtMs = timeoutMs === null ? null : this.nowMs + timeoutMs;
      const ticket = this.scheduler.admit({ lane, texts, deadlineAtMs });
      expect(held + texts).toBeLessThanOrEqual(maxQueuedTexts);
      const call: ModelCall = { ticket, texts: [], isCancelled: false };
      for (let index = 0; index < texts; index += 1) call.texts.push({ place: 'reserved', tokens: 0, call });
      this.calls.push(call);
      this.texts.push(...call.texts);
    } catch (error) {
      if (!(error instanceof EmbedqError)) throw error;
      expect(error.code).toBe(texts > maxQueuedTexts ? 'E_TOO_MANY_TEXTS' : 'E_OVERLOADED');
      if (error.code === 'E_OVERLOADED') expect(error.retryAfterMs).toBeGreaterThan(0);
      expect(held).toBeGreaterThan(texts > maxQueuedTexts ? -1 : 0);
      expect(this.scheduler.waiting(lane)).toEqual(before);
    }
  }

  add(pick: number, tokens: number): void {
    const open = this.texts.filter((text) => text.place === 'reserved');
    const text = open[pick % Math.max(1, open.length)];
    if (text === undefined) return;
    text.place = 'waiting';
    text.tokens = tokens;
    this.scheduler.add(text.call.ticket, tokens, text);
  }

  cancel(call: ModelCall | undefined): void {
    if (call === undefined) return;
    const expected = call.texts.filter((text) => text.place === 'waiting' || text.place === 'late');
    expect(new Set(this.scheduler.cancel(call.ticket))).toEqual(new Set(expected));
    expect(this.scheduler.cancel(call.ticket)).toEqual([]);
    call.isCancelled = true;
    for (const text of call.texts) if (text.place === 'reserved') text.place = 'cancelled';
    for (const text of expected) text.place = 'cancelled';
  }

  drop(): void {
    const late = this.texts.filter((text) => text.place === 'late' || this.isLate(text));
    const dropped = this.scheduler.dropExpired().map((text) => text.payload);
    expect(dropped.length).toBe(late.length);
    expect(new Set(dropped)).toEqual(new Set(late));
    for (const text of late) text.place = 'dropped';
    expect(this.scheduler.nextDeadlineAtMs() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(this.nowMs);
  }

  next(pool: Pool): boolean {
    const wakeAtMs = this.scheduler.wakeAtMs(pool);
    const batch = this.scheduler.next(pool);
    for (const text of this.texts) {
      if (this.isLate(text) && (pool === 'shared' || text.call.ticket.lane === pool)) text.place = 'late';
    }
    if (batch === null) {
      // Nothing is forgotten: whatever waits is waited for, until a time in the future or the end of a batch.
      const isWaiting = this.texts.some(
        (text) => text.place === 'waiting' && (pool === 'shared' || text.call.ticket.lane === pool),
      );
      if (isWaiting) expect(this.scheduler.wakeAtMs(pool)).toBeGreaterThan(this.nowMs);
      return false;
    }
    if (wakeAtMs !== null && this.mode === 'pools') expect(wakeAtMs).toBeLessThanOrEqual(this.nowMs + 25);
    this.checkBatch(batch, pool);
    for (const text of batch.texts) text.payload.place = 'running';
    this.running.push(batch);
    return true;
  }

  checkBatch(batch: Batch<ModelText>, pool: Pool): void {
    if (pool !== 'shared') expect(batch.lane).toBe(pool);
    const lengths = batch.texts.map((text) => text.tokens);
    expect(new Set(batch.texts).size).toBe(lengths.length);
    expect(lengths.length).toBeGreaterThan(0);
    expect(batch.longestTokens).toBe(Math.max(...lengths));
    expect(batch.paddedTokens).toBe(batch.longestTokens * lengths.length);
    const { maxBatchTokens, targetBatchTokens } = this.lanes[batch.lane];
    if (lengths.length > 1) expect(batch.paddedTokens).toBeLessThanOrEqual(Math.min(maxBatchTokens, targetBatchTokens));
    const padding = batch.paddedTokens - lengths.reduce((sum, length) => sum + length, 0);
    expect(padding).toBeLessThanOrEqual(Math.max(32, batch.paddedTokens * 0.1));
    for (const text of batch.texts) {
      expect(text.payload.place).toBe('waiting');
      expect(text.call.lane).toBe(batch.lane);
      expect(text.tokens).toBe(text.payload.tokens);
      expect(text.call.deadlineAtMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(this.nowMs);
    }
  }

  end(how: 'record' | 'giveBack' | 'abandon', pick: number): void {
    const [batch] = this.running.splice(pick % Math.max(1, this.running.length), 1);
    if (batch === undefined) return;
    if (how === 'record') this.scheduler.recordBatch(batch, 1 + batch.paddedTokens / 20);
    else if (how === 'giveBack') this.scheduler.giveBack(batch);
    else this.scheduler.abandon(batch);
    for (const { payload } of batch.texts) {
      if (how === 'record') payload.place = 'computed';
      else if (how === 'abandon') payload.place = 'abandoned';
      else payload.place = payload.call.isCancelled ? 'cancelled' : 'waiting';
    }
  }

  checkLoad(): void {
    for (const lane of ['rt', 'bulk'] as const) {
      const ofLane = this.texts.filter((text) => text.call.ticket.lane === lane);
      const waiting = ofLane.filter((text) => text.place === 'waiting');
      expect(this.scheduler.waiting(lane)).toEqual({
        texts: waiting.length,
        tokens: waiting.reduce((sum, text) => sum + text.tokens, 0),
        reservedTexts: ofLane.filter((text) => text.place === 'reserved').length,
      });
    }
  }

  /** Runs everything that is left to its end. */
  finish(): void {
    for (const text of this.texts) if (text.place === 'reserved') this.add(0, 10);
    for (let round = 0; round < 10_000; round += 1) {
      while (this.running.length > 0) this.end('record', 0);
      this.drop();
      const given = this.pools.map((pool) => this.next(pool)).some(Boolean);
      if (given) continue;
      const wakes = this.pools.map((pool) => this.scheduler.wakeAtMs(pool) ?? Number.POSITIVE_INFINITY);
      const wakeAtMs = Math.min(...wakes);
      if (wakeAtMs === Number.POSITIVE_INFINITY) break;
      this.nowMs = Math.max(this.nowMs, wakeAtMs);
    }
    this.drop();
    this.checkLoad();
  }

  isLate(text: ModelText): boolean {
    return text.place === 'waiting' && (text.call.ticket.deadlineAtMs ?? Number.POSITIVE_INFINITY) <= this.nowMs;
  }
}

describe.each(['pools', 'shared'] as const)('in mode %s', (mode) => {
  it('loses no text, gives none twice, computes nothing late, keeps every budget', () => {
    fc.assert(
      fc.property(laneSettings, laneSettings, fc.array(step, { maxLength: 250, size: 'max' }), (rt, bulk, steps) => {
        const run = new CheckedRun(mode, { rt, bulk });
        for (const each of steps) run.apply(each);
        run.finish();
        const ended: readonly Place[] = ['computed', 'cancelled', 'dropped', 'abandoned'];
        expect(run.texts.filter((text) => !ended.includes(text.place))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
