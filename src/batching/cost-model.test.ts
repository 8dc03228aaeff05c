// Does the cost model learn a machine, forget it when it changes, and keep its head when single batches stall?
import { describe, expect, it } from 'vitest';
import { CostModel } from './cost-model.js';

/** Records `count` batches of 50 to 450 tokens that take overheadMs + msPerToken * tokens. */
function teach(model: CostModel, count: number, overheadMs: number, msPerToken: number): void {
  for (let index = 0; index < count; index += 1) {
    const tokens = 50 + ((index * 37) % 9) * 50;
    model.record(tokens, overheadMs + msPerToken * tokens);
  }
}

describe('the cost of a batch', () => {
  it('is unknown, and slices are small, before anything is measured', () => {
    const model = new CostModel();
    expect(model.expectedMs(100)).toBeNull();
    expect(model.tokensWithin(1000)).toBe(128);
  });

  it('is learned with its fixed part', () => {
    const model = new CostModel();
    teach(model, 60, 2, 0.05);
    expect(model.expectedMs(0)).toBeCloseTo(2, 1);
    expect(model.expectedMs(400)).toBeCloseTo(22, 1);
    // 25 ms less 2 ms at 0.05 ms a token: 460 tokens, less a margin.
    expect(model.tokensWithin(25)).toBeGreaterThan(400);
    expect(model.tokensWithin(25)).toBeLessThanOrEqual(460);
  });

  it('follows a machine that becomes four times slower', () => {
    const model = new CostModel();
    teach(model, 60, 2, 0.05);
    teach(model, 150, 8, 0.2);
    expect(model.expectedMs(400)).toBeGreaterThan(75);
    expect(model.tokensWithin(25)).toBeLessThanOrEqual(100);
  });

  it('hardly moves for one batch that stalled', () => {
    const model = new CostModel();
    teach(model, 60, 2, 0.05);
    const before = model.expectedMs(250) ?? 0;
    model.record(250, 10_000);
    expect((model.expectedMs(250) ?? 0) / before).toBeLessThan(1.1);
  });

  it('takes batches of one size as cost by tokens, and grows by no more than twice what it has seen', () => {
    const model = new CostModel();
    for (let index = 0; index < 20; index += 1) model.record(200, 10);
    expect(model.expectedMs(400)).toBeCloseTo(20, 5);
    expect(model.tokensWithin(10_000)).toBe(400);
  });

  it('allows one token at least, however slow the machine', () => {
    const model = new CostModel();
    teach(model, 60, 500, 3);
    expect(model.tokensWithin(25)).toBe(1);
  });

  it('ignores what cannot be a duration', () => {
    const model = new CostModel();
    model.record(100, Number.NaN);
    model.record(100, -1);
    model.record(0, 5);
    expect(model.expectedMs(100)).toBeNull();
  });
});
