// Whole runs on simulated processes and a simulated clock: padding, fairness, the one-slice promise, and whether
// "try again in … ms" is true.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../contracts/lane.js';
import { EmbedqError } from '../errors.js';
import { type Batch, type LaneSettings, type Pool, Scheduler, type SchedulerSettings } from './scheduler.js';

interface SimulatedText {
  readonly lane: Lane;
  readonly name: string;
  readonly arrivedAtMs: number;
  /** Place in the order of all that happened; tells apart what happened at the same time. */
  readonly arrivedAsEvent: number;
  /** When its batch began; null while it waits. */
  bound: { atMs: number; asEvent: number } | null;
}

interface Run {
  readonly batch: Batch<SimulatedText>;
  readonly startedAtMs: number;
  readonly startedAsEvent: number;
  readonly endsAtMs: number;
  readonly pool: Pool;
}

interface Arrival {
  readonly atMs: number;
  readonly lane: Lane;
  readonly lengths: readonly number[];
  readonly name: string;
}

const LANE: LaneSettings = {
  maxBatchTokens: 4096,
  targetBatchTokens: 512,
  maxWaitMs: 0,
  maxQueuedTexts: 100_000,
  maxQueuedTokens: 10_000_000,
};

/** Processes that take a batch whenever they are free, and need `durationMs` for it. */
class Simulation {
  nowMs = 0;
  #events = 0;
  readonly scheduler: Scheduler<SimulatedText>;
  readonly texts: SimulatedText[] = [];
  readonly ended: Run[] = [];
  readonly #running: Run[] = [];

  constructor(
    settings: Partial<Omit<SchedulerSettings, 'now'>>,
    /** How many processes each pool has. */
    readonly processes: readonly (readonly [Pool, number])[],
    readonly durationMs: (batch: Batch<SimulatedText>) => number,
  ) {
    this.scheduler = new Scheduler<SimulatedText>({
      mode: 'pools',
      lanes: { rt: LANE, bulk: LANE },
      bulkSliceMs: 25,
      bulkAgeingMs: 100,
      ...settings,
      now: () => this.nowMs,
    });
  }

  arrive({ lane, lengths, name }: Omit<Arrival, 'atMs'>): void {
    const ticket = this.scheduler.admit({ lane, texts: lengths.length, deadlineAtMs: null });
    for (const tokens of lengths) {
      const text: SimulatedText = { lane, name, arrivedAtMs: this.nowMs, arrivedAsEvent: this.#events++, bound: null };
      this.texts.push(text);
      this.scheduler.add(ticket, tokens, text);
    }
  }

  /** Gives every free process its next batch. */
  dispatch(): void {
    for (const [pool, count] of this.processes) {
      while (this.#running.filter((run) => run.pool === pool).length < count) {
        const batch = this.scheduler.next(pool);
        if (batch === null) break;
        const asEvent = this.#events++;
        for (const text of batch.texts) text.payload.bound = { atMs: this.nowMs, asEvent };
        const endsAtMs = this.nowMs + this.durationMs(batch);
        this.#running.push({ batch, pool, startedAtMs: this.nowMs, startedAsEvent: asEvent, endsAtMs });
      }
    }
  }

  /** Goes to the next end of a batch, but not past `untilMs`; false where nothing happens before. */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const [next] = this.#running.toSorted((a, b) => a.endsAtMs - b.endsAtMs);
    if (next === undefined || next.endsAtMs > untilMs) return false;
    this.nowMs = next.endsAtMs;
    this.#running.splice(this.#running.indexOf(next), 1);
    this.ended.push(next);
    this.scheduler.recordBatch(next.batch, next.endsAtMs - next.startedAtMs);
    this.dispatch();
    return true;
  }

  run(arrivals: readonly Arrival[]): void {
    for (const arrival of arrivals.toSorted((a, b) => a.atMs - b.atMs)) {
      while (this.step(arrival.atMs));
      this.nowMs = Math.max(this.nowMs, arrival.atMs);
      this.arrive(arrival);
      this.dispatch();
    }
    while (this.step());
  }

  /** Padding as a share of everything computed. */
  paddingShare(): number {
    let padded = 0;
    let real = 0;
    for (const { batch } of this.ended) {
      padded += batch.paddedTokens;
      for (const text of batch.texts) real += text.tokens;
    }
    return 1 - real / padded;
  }
}

/** Token counts like those of ordinary English texts truncated at 256: 5 / 50 / 95 / 100 % are 9 / 51 / 228 / 256. */
function ordinaryLength(u: number): number {
  const [below, above, share] =
    u < 0.05 ? [3, 9, u / 0.05] : u < 0.5 ? [9, 51, (u - 0.05) / 0.45] : [51, 240, ((u - 0.5) / 0.5) ** 1.1];
  return Math.round(below + share * (above - below));
}

/** A generator with a seed (mulberry32), so that a measured share stays the measured share. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function lengthsOf(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => ordinaryLength(random()));
}

const linearMs = (batch: Batch<unknown>) => 0.6 + 0.06 * batch.paddedTokens;

describe('padding, with batches of 512 tokens', () => {
  it('is below 1 % where 2,000 texts wait', () => {
    const simulation = new Simulation({}, [['bulk', 2]], linearMs);
    simulation.run([{ atMs: 0, lane: 'bulk', lengths: lengthsOf(2000, randomFrom(1)), name: 'a' }]);
    expect(simulation.ended.flatMap((run) => run.batch.texts).length).toBe(2000);
    expect(simulation.paddingShare()).toBeLessThan(0.01);
  });

  it('is below 6 % where eight clients send 8 texts each and wait for the answer: 64 texts at most wait', () => {
    const random = randomFrom(2);
    const simulation = new Simulation({}, [['bulk', 2]], linearMs);
    for (let client = 0; client < 8; client += 1) {
      simulation.arrive({ lane: 'bulk', lengths: lengthsOf(8, random), name: `${client}-0` });
    }
    simulation.dispatch();
    for (let calls = 8; calls < 800; ) {
      simulation.step();
      const { texts } = simulation.ended.at(-1)?.batch ?? { texts: [] };
      for (const name of new Set(texts.map((text) => text.payload.name))) {
        if (simulation.texts.some((text) => text.name === name && text.bound === null)) continue;
        calls += 1;
        simulation.arrive({ lane: 'bulk', lengths: lengthsOf(8, random), name: `${name}+` });
      }
      simulation.dispatch();
    }
    expect(simulation.paddingShare()).toBeLessThan(0.06);
  });
});

describe('no starvation', () => {
  it('gives every text its batch within eight times the number of older texts', () => {
    const call = fc.record({
      atMs: fc.nat({ max: 300 }),
      lane: fc.constant<Lane>('bulk'),
      lengths: fc.array(fc.integer({ min: 1, max: 512 }), { minLength: 1, maxLength: 40 }),
      name: fc.constant('call'),
    });
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), (arrivals) => {
        const simulation = new Simulation({}, [['bulk', 1]], linearMs);
        simulation.run(arrivals);
        const starts = simulation.ended.map((run) => run.startedAtMs);
        simulation.texts.forEach((text, index) => {
          const boundAtMs = text.bound?.atMs ?? Number.NaN;
          const older = simulation.texts
            .slice(0, index)
            .filter((other) => (other.bound?.atMs ?? 0) >= text.arrivedAtMs);
          const batches = starts.filter((startMs) => startMs > text.arrivedAtMs && startMs <= boundAtMs).length;
          expect(batches).toBeLessThanOrEqual(8 * (older.length + 1));
        });
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, 40, 300])(
    'lets a call of two texts pass one of 2,048, of which %i batches were computed, in four batches',
    (computed) => {
      const random = randomFrom(3);
      const simulation = new Simulation({}, [['bulk', 1]], linearMs);
      simulation.arrive({ lane: 'bulk', lengths: lengthsOf(2048, random), name: 'huge' });
      simulation.dispatch();
      for (let batches = 0; batches < computed; batches += 1) simulation.step();
      simulation.arrive({ lane: 'bulk', lengths: [5, 256], name: 'small' });
      let batches = 0;
      while (simulation.texts.some((text) => text.name === 'small' && text.bound === null)) {
        simulation.step();
        batches += 1;
      }
      expect(batches).toBeLessThanOrEqual(4);
    },
  );
});

describe('rt beside bulk', () => {
  /** Steady rt calls, and more bulk than can be done. */
  const load = fc.record({
    processes: fc.integer({ min: 1, max: 3 }),
    gapsMs: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 10, maxLength: 80 }),
    texts: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
  });
  const arrivalsOf = ({ gapsMs, texts, seed }: { gapsMs: number[]; texts: number; seed: number }): Arrival[] => {
    const random = randomFrom(seed);
    let atMs = 0;
    const rt = gapsMs.map((gapMs): Arrival => {
      atMs += gapMs;
      return { atMs, lane: 'rt', lengths: lengthsOf(texts, random), name: 'rt' };
    });
    return [{ atMs: 0, lane: 'bulk', lengths: lengthsOf(1000, random), name: 'bulk' }, ...rt];
  };

  it('with shared processes waits for one slice at most, which takes about bulkSliceMs at most', () => {
    fc.assert(
      fc.property(load, (input) => {
        const noise = randomFrom(input.seed);
        const simulation = new Simulation(
          { mode: 'shared' },
          [['shared', input.processes]],
          (batch) => linearMs(batch) * (0.9 + 0.2 * noise()),
        );
        simulation.run(arrivalsOf(input));
        const slices = simulation.ended.filter((run) => run.batch.lane === 'bulk');
        // Durations vary by 10 % either way; at most as much again for what the cost model cannot know.
        expect(Math.max(...slices.map((run) => run.endsAtMs - run.startedAtMs))).toBeLessThanOrEqual(25 * 1.2);
        for (const text of simulation.texts.filter((each) => each.lane === 'rt')) {
          const boundAsEvent = text.bound?.asEvent ?? Number.NaN;
          const began = slices.filter(
            (run) => run.startedAsEvent > text.arrivedAsEvent && run.startedAsEvent < boundAsEvent,
          );
          const ran = slices.filter(
            (run) => run.startedAsEvent < text.arrivedAsEvent && run.endsAtMs > text.arrivedAtMs,
          );
          // Slices that ran when it came ran side by side: together they are one wait.
          if (began.length > 0) expect([began.length, ran.length]).toEqual([1, 0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('with shared processes leaves bulk alive under more rt than can be done', () => {
    const simulation = new Simulation({ mode: 'shared' }, [['shared', 1]], linearMs);
    const random = randomFrom(4);
    const rt = Array.from({ length: 200 }, (_, index): Arrival => {
      return { atMs: index * 10, lane: 'rt', lengths: lengthsOf(2, random), name: 'rt' };
    });
    simulation.run([{ atMs: 0, lane: 'bulk', lengths: lengthsOf(500, random), name: 'bulk' }, ...rt]);
    const slicesAmongRt = simulation.ended.filter((run) => run.batch.lane === 'bulk' && run.startedAtMs < 2000);
    expect(slicesAmongRt.length).toBeGreaterThanOrEqual(4);
  });

  it('with pools of its own is never given bulk', () => {
    fc.assert(
      fc.property(load, (input) => {
        const pools = [
          ['rt', 1],
          ['bulk', input.processes],
        ] as const;
        const simulation = new Simulation({}, pools, linearMs);
        simulation.run(arrivalsOf(input));
        expect(simulation.texts.every((text) => text.bound !== null)).toBe(true);
        expect(simulation.ended.every((run) => run.pool === run.batch.lane)).toBe(true);
        // Work-conserving: while an rt text waited, the rt process computed other rt texts.
        const rtRuns = simulation.ended.filter((run) => run.pool === 'rt');
        for (const text of simulation.texts.filter((each) => each.lane === 'rt')) {
          const boundAtMs = text.bound?.atMs ?? Number.NaN;
          if (boundAtMs === text.arrivedAtMs) continue;
          expect(rtRuns.some((run) => run.startedAtMs <= text.arrivedAtMs && run.endsAtMs >= text.arrivedAtMs)).toBe(
            true,
          );
          expect(rtRuns.some((run) => run.endsAtMs === boundAtMs)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the time after which a refused call should be tried again', () => {
  it.each([1, 3])('is about when it fits, with %i processes', (processes) => {
    const random = randomFrom(5);
    const lanes = { rt: LANE, bulk: { ...LANE, maxQueuedTexts: 2000 } };
    const simulation = new Simulation({ lanes }, [['bulk', processes]], linearMs);
    const call = () => ({ lane: 'bulk' as const, lengths: lengthsOf(100, random), name: 'call' });
    for (let calls = 0; calls < 20; calls += 1) simulation.arrive(call());
    simulation.dispatch();
    const ratios: number[] = [];
    for (let round = 0; round < 300; round += 1) {
      const refusedAtMs = simulation.nowMs;
      try {
        simulation.arrive(call());
      } catch (error) {
        if (!(error instanceof EmbedqError) || error.code !== 'E_OVERLOADED') throw error;
        const { retryAfterMs } = error;
        const before = simulation.scheduler.waiting('bulk').texts;
        while (simulation.scheduler.waiting('bulk').texts > 1900) simulation.step();
        // A short wait ends with a whole batch, a young measurement knows only the first ones: neither is a promise.
        const waitedMs = simulation.nowMs - refusedAtMs;
        if (round < 10 || before < 1950) continue;
        ratios.push((retryAfterMs ?? 0) / waitedMs);
      }
    }
    ratios.sort((a, b) => a - b);
    expect(ratios.length).toBeGreaterThan(50);
    // Which lengths leave next decides about the single wait; on the whole it must be right.
    expect(ratios[0]).toBeGreaterThan(1 / 3);
    expect(ratios.at(-1)).toBeLessThan(3);
    expect(ratios[Math.floor(ratios.length / 2)]).toBeGreaterThan(0.7);
    expect(ratios[Math.floor(ratios.length / 2)]).toBeLessThan(1.4);
  });
});
