// What the scheduler decides, rule by rule. The properties that hold under any order of events are in
// scheduler.properties.test.ts, whole runs with simulated processes in simulation.test.ts.
import { describe, expect, it } from 'vitest';
import type { Lane } from '../contracts/lane.js';
import { EmbedqError } from '../errors.js';
import { type LaneSettings, Scheduler, type SchedulerSettings } from './scheduler.js';

const LANE: LaneSettings = {
  maxBatchTokens: 1024,
  targetBatchTokens: 512,
  maxWaitMs: 0,
  maxQueuedTexts: 1000,
  maxQueuedTokens: 100_000,
};

function setUp(
  changes: Partial<Omit<SchedulerSettings, 'now' | 'lanes'>> & {
    rt?: Partial<LaneSettings>;
    bulk?: Partial<LaneSettings>;
  } = {},
) {
  const clock = { nowMs: 0 };
  const { rt, bulk, ...rest } = changes;
  const scheduler = new Scheduler<string>({
    mode: 'pools',
    bulkSliceMs: 25,
    bulkAgeingMs: 100,
    ...rest,
    lanes: { rt: { ...LANE, ...rt }, bulk: { ...LANE, ...bulk } },
    now: () => clock.nowMs,
  });
  /** Admits a call and adds its texts, named `name0`, `name1`, … */
  const call = (name: string, lane: Lane, lengths: readonly number[], deadlineAtMs: number | null = null) => {
    const ticket = scheduler.admit({ lane, texts: lengths.length, deadlineAtMs });
    lengths.forEach((tokens, index) => {
      scheduler.add(ticket, tokens, `${name}${index}`);
    });
    return ticket;
  };
  return { clock, scheduler, call };
}

function refusal(action: () => unknown): EmbedqError {
  try {
    action();
  } catch (error) {
    if (error instanceof EmbedqError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const names = (batch: { texts: readonly { payload: string }[] } | null) =>
  batch?.texts.map((text) => text.payload).sort();

describe('cutting a batch', () => {
  it('is null where nothing waits', () => {
    const { scheduler } = setUp();
    expect(scheduler.next('rt')).toBeNull();
    expect(scheduler.next('bulk')).toBeNull();
    expect(scheduler.wakeAtMs('rt')).toBeNull();
    expect(scheduler.nextDeadlineAtMs()).toBeNull();
  });

  it('fills up to the target with the texts nearest in length to the anchor', () => {
    const { scheduler, call } = setUp({ bulk: { targetBatchTokens: 100 } });
    call('a', 'bulk', [20, 400, 21, 19, 20, 60, 20]);
    const batch = scheduler.next('bulk');
    expect(names(batch)).toEqual(['a0', 'a3', 'a4', 'a6']);
    expect(batch).toMatchObject({ lane: 'bulk', longestTokens: 20, paddedTokens: 80 });
  });

  it('gives a text that is longer than the budget, alone', () => {
    const { scheduler, call } = setUp();
    call('a', 'bulk', [2000, 2000, 3]);
    expect(names(scheduler.next('bulk'))).toEqual(['a0']);
  });

  it('never exceeds maxBatchTokens, whatever the target', () => {
    const { scheduler, call } = setUp({ bulk: { maxBatchTokens: 64 } });
    call(
      'a',
      'bulk',
      Array.from({ length: 50 }, () => 10),
    );
    scheduler.setTargetBatchTokens('bulk', 10_000);
    expect(scheduler.next('bulk')?.paddedTokens).toBe(60);
    scheduler.setTargetBatchTokens('bulk', 30);
    expect(scheduler.next('bulk')?.paddedTokens).toBe(30);
  });

  it('does not pad a text to many times its length, but packs tiny texts together', () => {
    const { scheduler, call } = setUp();
    call('a', 'bulk', [10, 200]);
    expect(names(scheduler.next('bulk'))).toEqual(['a0']);
    expect(names(scheduler.next('bulk'))).toEqual(['a1']);
    call('b', 'bulk', [3, 9, 6]);
    expect(names(scheduler.next('bulk'))).toEqual(['b0', 'b1', 'b2']);
  });

  it('keeps the pools apart', () => {
    const { scheduler, call } = setUp();
    call('b', 'bulk', [10]);
    expect(scheduler.next('rt')).toBeNull();
    call('r', 'rt', [10]);
    expect(names(scheduler.next('rt'))).toEqual(['r0']);
    expect(names(scheduler.next('bulk'))).toEqual(['b0']);
    expect(refusal(() => scheduler.next('shared')).code).toBe('E_INTERNAL');
  });
});

describe('admission', () => {
  it('is all or nothing, and says when to try again', () => {
    const { scheduler, call } = setUp({ bulk: { maxQueuedTexts: 10 } });
    call('a', 'bulk', [10, 10, 10, 10, 10, 10]);
    const before = scheduler.waiting('bulk');
    const error = refusal(() => scheduler.admit({ lane: 'bulk', texts: 5, deadlineAtMs: null }));
    expect(error.code).toBe('E_OVERLOADED');
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(scheduler.waiting('bulk')).toEqual(before);
    scheduler.admit({ lane: 'bulk', texts: 4, deadlineAtMs: null });
    expect(refusal(() => scheduler.admit({ lane: 'bulk', texts: 1, deadlineAtMs: null })).code).toBe('E_OVERLOADED');
    scheduler.admit({ lane: 'rt', texts: 1000, deadlineAtMs: null });
  });

  it('refuses by tokens that wait, but never an empty lane', () => {
    const { scheduler, call } = setUp({ bulk: { maxQueuedTokens: 1000 } });
    call(
      'a',
      'bulk',
      Array.from({ length: 100 }, () => 500),
    );
    expect(refusal(() => scheduler.admit({ lane: 'bulk', texts: 1, deadlineAtMs: null })).code).toBe('E_OVERLOADED');
    while (scheduler.next('bulk') !== null);
    scheduler.admit({ lane: 'bulk', texts: 100, deadlineAtMs: null });
  });

  it('says plainly that a call can never fit', () => {
    const { scheduler } = setUp({ rt: { maxQueuedTexts: 10 } });
    expect(refusal(() => scheduler.admit({ lane: 'rt', texts: 11, deadlineAtMs: null })).code).toBe('E_TOO_MANY_TEXTS');
  });

  it('gives room back when a call is cancelled, once', () => {
    const { scheduler } = setUp({ rt: { maxQueuedTexts: 4 } });
    const ticket = scheduler.admit({ lane: 'rt', texts: 4, deadlineAtMs: null });
    scheduler.add(ticket, 7, 'a0');
    expect(scheduler.waiting('rt')).toEqual({ texts: 1, tokens: 7, reservedTexts: 3 });
    expect(scheduler.cancel(ticket)).toEqual(['a0']);
    expect(scheduler.cancel(ticket)).toEqual([]);
    scheduler.add(ticket, 7, 'a1');
    expect(scheduler.waiting('rt')).toEqual({ texts: 0, tokens: 0, reservedTexts: 0 });
    expect(scheduler.next('rt')).toBeNull();
  });

  it('refuses more texts than were reserved', () => {
    const { scheduler, call } = setUp();
    const ticket = call('a', 'rt', [5]);
    expect(refusal(() => scheduler.add(ticket, 5, 'a1')).code).toBe('E_INTERNAL');
  });
});
