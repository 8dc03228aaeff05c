import { describe, expect, it } from 'vitest';
import { measureBatchShape, PROBE_ROW_TOKENS } from './batch-shape.js';

/** A machine whose batches of `tokens` padded tokens take `durationMs(tokens)`, on a clock of its own. */
function simulate(durationMs: (tokens: number) => number) {
  let nowMs = 0;
  const tried: number[] = [];
  return {
    tried,
    runBatches: async (rows: number) => {
      tried.push(rows * PROBE_ROW_TOKENS);
      nowMs += durationMs(rows * PROBE_ROW_TOKENS);
    },
    now: () => nowMs,
  };
}

describe('measureBatchShape', () => {
  it('finds the size with the most tokens a millisecond, of all children together', async () => {
    const machine = simulate((tokens) => tokens / (tokens === 512 ? 10 : 5));
    const shape = await measureBatchShape({ ...machine, children: 2, maxTokens: 16_384, budgetMs: 5_000 });
    expect(shape.targetTokens).toBe(512);
    expect(shape.tokensPerMs).toBeCloseTo(20);
  });

  it('takes the smallest of sizes that are about as fast', async () => {
    const machine = simulate((tokens) => 1 + tokens / 10);
    const shape = await measureBatchShape({ ...machine, children: 1, maxTokens: 16_384, budgetMs: 5_000 });
    expect(shape.targetTokens).toBe(384);
  });

  it('never tries more than the budget of tokens', async () => {
    const machine = simulate((tokens) => tokens / 10);
    await measureBatchShape({ ...machine, children: 1, maxTokens: 600, budgetMs: 5_000 });
    expect(Math.max(...machine.tried)).toBeLessThanOrEqual(600);
  });

  it('ends soon after its time on a machine where one batch takes a second', async () => {
    const machine = simulate((tokens) => tokens * 8);
    await measureBatchShape({ ...machine, children: 1, maxTokens: 16_384, budgetMs: 900 });
    expect(machine.tried.length).toBeLessThanOrEqual(3);
  });
});
