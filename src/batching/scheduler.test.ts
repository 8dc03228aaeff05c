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

describe('whose turn it is', () => {
  it('lets a small call pass a huge one of the same lane', () => {
    const { scheduler, call } = setUp();
    call(
      'huge',
      'rt',
      Array.from({ length: 900 }, () => 100),
    );
    for (let batches = 0; batches < 20; batches += 1) scheduler.next('rt');
    // Lengths that fill no batch of the other call: each needs a turn of its own.
    call('small', 'rt', [10, 400]);
    const given: string[] = [];
    let batches = 0;
    while (!(given.includes('small0') && given.includes('small1'))) {
      given.push(...(names(scheduler.next('rt')) ?? []));
      batches += 1;
    }
    expect(batches).toBeLessThanOrEqual(4);
  });

  it('does not let an endless stream of small calls hold up a huge one', () => {
    const { scheduler, call } = setUp({ bulk: { maxQueuedTexts: 100_000, maxQueuedTokens: 10_000_000 } });
    // 32 batches of their own: nothing of the stream is near them in length.
    call('huge', 'bulk', new Array<number>(64).fill(250));
    let hugeLeft = 64;
    let batches = 0;
    for (; hugeLeft > 0 && batches < 32 * 8; batches += 1) {
      // Ten new calls for each batch: the stream alone is more than the lane can do.
      for (let index = 0; index < 10; index += 1) call(`stream${batches}-${index}-`, 'bulk', [60]);
      const batch = scheduler.next('bulk');
      hugeLeft -= batch?.texts.filter((text) => text.payload.startsWith('huge')).length ?? 0;
    }
    expect(hugeLeft).toBe(0);
  });

  it('anchors each eighth batch on the text that waits longest', () => {
    const { scheduler, call } = setUp({ bulk: { targetBatchTokens: 100 } });
    call('a', 'bulk', [90, 90, 90]);
    const held = scheduler.next('bulk');
    expect(names(held)).toEqual(['a0']);
    let batches = 1;
    for (let index = 0; ; index += 1) {
      call(`new${index}-`, 'bulk', [40, 40]);
      const batch = scheduler.next('bulk');
      batches += 1;
      if (batch?.texts.some((text) => text.payload === 'a2')) break;
    }
    expect(batches).toBeLessThanOrEqual(24);
  });
});

describe('shared processes', () => {
  const shared = { mode: 'shared', bulkSliceMs: 25, bulkAgeingMs: 100 } as const;

  it('prefers rt', () => {
    const { scheduler, call } = setUp(shared);
    call('b', 'bulk', [10, 10]);
    call('r', 'rt', [10]);
    expect(scheduler.next('shared')?.lane).toBe('rt');
    expect(scheduler.next('shared')?.lane).toBe('bulk');
  });

  it('cuts bulk batches to what ends within a slice, and starts carefully', () => {
    const { clock, scheduler, call } = setUp(shared);
    call(
      'b',
      'bulk',
      Array.from({ length: 500 }, () => 10),
    );
    let batch = scheduler.next('shared');
    expect(batch?.paddedTokens).toBeLessThanOrEqual(128);
    for (let round = 0; round < 20 && batch !== null; round += 1) {
      const durationMs = 1 + 0.1 * batch.paddedTokens;
      clock.nowMs += durationMs;
      scheduler.recordBatch(batch, durationMs);
      batch = scheduler.next('shared');
    }
    // 25 ms at 1 ms + 0.1 ms a token are 240 tokens.
    expect(batch?.paddedTokens).toBeLessThanOrEqual(240);
    expect(batch?.paddedTokens).toBeGreaterThanOrEqual(150);
  });

  it('gives aged bulk one slice between rt batches, and no second one while the same rt texts wait', () => {
    const { clock, scheduler, call } = setUp({ ...shared, rt: { targetBatchTokens: 10 } });
    const run = () => {
      const batch = scheduler.next('shared');
      clock.nowMs += 10;
      if (batch !== null) scheduler.recordBatch(batch, 10);
      return batch?.lane;
    };
    call(
      'b',
      'bulk',
      Array.from({ length: 100 }, () => 50),
    );
    clock.nowMs = 99;
    call(
      'r',
      'rt',
      Array.from({ length: 30 }, () => 10),
    );
    expect(run()).toBe('rt');
    expect(run()).toBe('bulk');
    for (let index = 0; index < 29; index += 1) expect(run()).toBe('rt');
    // Newer rt texts have not met a slice yet, and bulk has aged again meanwhile.
    call('n', 'rt', [10, 10]);
    expect(run()).toBe('bulk');
    expect(run()).toBe('rt');
    expect(run()).toBe('rt');
    expect(run()).toBe('bulk');
  });

  it('starts no aged slice while another one runs', () => {
    const { clock, scheduler, call } = setUp({ ...shared, rt: { targetBatchTokens: 10 } });
    call(
      'b',
      'bulk',
      Array.from({ length: 100 }, () => 50),
    );
    const slice = scheduler.next('shared');
    clock.nowMs = 200;
    call('r', 'rt', [10, 10]);
    expect(scheduler.next('shared')?.lane).toBe('rt');
    expect(scheduler.next('shared')?.lane).toBe('rt');
    expect(scheduler.next('shared')?.lane).toBe('bulk');
    expect(slice?.lane).toBe('bulk');
  });
});

describe('waiting for a fuller batch', () => {
  it('holds a batch that is not full until its oldest text waited maxWaitMs', () => {
    const { clock, scheduler, call } = setUp({ bulk: { maxWaitMs: 200 } });
    clock.nowMs = 1000;
    call('a', 'bulk', [50]);
    clock.nowMs = 1150;
    call('b', 'bulk', [50]);
    expect(scheduler.next('bulk')).toBeNull();
    expect(scheduler.wakeAtMs('bulk')).toBe(1200);
    clock.nowMs = 1200;
    expect(names(scheduler.next('bulk'))).toEqual(['a0', 'b0']);
    expect(scheduler.wakeAtMs('bulk')).toBeNull();
  });

  it('gives a full one at once', () => {
    const { scheduler, call } = setUp({ bulk: { maxWaitMs: 200 } });
    call(
      'a',
      'bulk',
      Array.from({ length: 12 }, () => 50),
    );
    expect(scheduler.next('bulk')?.texts.length).toBe(10);
    expect(scheduler.next('bulk')).toBeNull();
  });

  it('holds nothing past its deadline', () => {
    const { clock, scheduler, call } = setUp({ bulk: { maxWaitMs: 200 } });
    call('a', 'bulk', [50]);
    call('b', 'bulk', [50], 150);
    const wakeAtMs = scheduler.wakeAtMs('bulk') ?? Number.NaN;
    expect(wakeAtMs).toBeLessThan(150);
    clock.nowMs = wakeAtMs;
    expect(names(scheduler.next('bulk'))).toEqual(['a0', 'b0']);
  });

  it('leaves a shared process idle for held rt no longer than the hold', () => {
    const { clock, scheduler, call } = setUp({ mode: 'shared', rt: { maxWaitMs: 20 } });
    call('r', 'rt', [10]);
    call('b', 'bulk', [100, 100, 100]);
    const slice = scheduler.next('shared');
    expect(slice?.lane).toBe('bulk');
    clock.nowMs = 5;
    if (slice !== null) scheduler.recordBatch(slice, 5);
    // The rt text has met its slice: no second one, whatever is free.
    expect(scheduler.next('shared')).toBeNull();
    expect(scheduler.wakeAtMs('shared')).toBe(20);
    clock.nowMs = 20;
    expect(scheduler.next('shared')?.lane).toBe('rt');
  });
});

describe('deadlines', () => {
  it('drops what is late before it is computed, once, and says when to look', () => {
    const { clock, scheduler, call } = setUp();
    call('late', 'rt', [10, 10], 50);
    call('later', 'rt', [10], 70);
    call('free', 'rt', [10]);
    expect(scheduler.nextDeadlineAtMs()).toBe(50);
    expect(scheduler.dropExpired()).toEqual([]);
    clock.nowMs = 50;
    expect(names(scheduler.next('rt'))).toEqual(['free0', 'later0']);
    expect(scheduler.nextDeadlineAtMs()).toBe(50);
    expect(names({ texts: scheduler.dropExpired() })).toEqual(['late0', 'late1']);
    expect(scheduler.dropExpired()).toEqual([]);
    expect(scheduler.nextDeadlineAtMs()).toBeNull();
  });

  it('lets cancel return late texts that were not dropped yet', () => {
    const { clock, scheduler, call } = setUp();
    const ticket = call('late', 'rt', [10, 10], 50);
    clock.nowMs = 60;
    expect(scheduler.next('rt')).toBeNull();
    expect(scheduler.cancel(ticket).sort()).toEqual(['late0', 'late1']);
    expect(scheduler.dropExpired()).toEqual([]);
  });
});

describe('a batch that was not computed', () => {
  it('is the next one again, in front of older turns', () => {
    const { scheduler, call } = setUp({ bulk: { maxWaitMs: 500 } });
    call('a', 'bulk', [100, 100, 100, 100, 100, 100]);
    const batch = scheduler.next('bulk');
    call('b', 'bulk', [300, 310]);
    call('c', 'bulk', [10]);
    if (batch === null) throw new Error('no batch, although more than one waits');
    scheduler.giveBack(batch);
    expect(scheduler.waiting('bulk').texts).toBe(9);
    expect(names(scheduler.next('bulk'))).toEqual(names(batch));
  });

  it('cannot be given back twice, and leaves out cancelled calls', () => {
    const { scheduler, call } = setUp();
    const ticket = call('a', 'rt', [50]);
    call('b', 'rt', [50]);
    const batch = scheduler.next('rt');
    if (batch === null) throw new Error('two texts wait');
    expect(names(batch)).toEqual(['a0', 'b0']);
    scheduler.cancel(ticket);
    scheduler.giveBack(batch);
    expect(refusal(() => scheduler.giveBack(batch)).code).toBe('E_INTERNAL');
    expect(names(scheduler.next('rt'))).toEqual(['b0']);
  });
});
