// Real inference processes, killed for real: what a caller of the pool sees then.
import { afterEach, beforeAll, expect, it } from 'vitest';
import { SILENT } from '../../src/contracts/log.js';
import { InferenceChild } from '../../src/inference/inference-child.js';
import { InferencePool } from '../../src/inference/inference-pool.js';
import type { TokenRow } from '../../src/inference/token-row.js';
import type { ModelDescription } from '../../src/models/description.js';
import { readModelRepository } from '../../src/models/repository.js';
import { DEADLY_LENGTH } from '../support/dying-child.mjs';
import { describeWithShared, sharedFile } from '../support/shared-files.js';

const CHILD = new URL('../../dist/start/inference-child.js', import.meta.url);
const DYING_CHILD = new URL('../support/dying-child.mjs', import.meta.url);

function row(length: number, seed = 0): TokenRow {
  const ids = Int32Array.from({ length }, (_, i) => (i === 0 ? 2 : i === length - 1 ? 3 : 5 + ((i * 7 + seed) % 900)));
  return { ids, promptTokens: 0, fullLength: length };
}

describeWithShared('the inference pool when its processes die', () => {
  let model: ModelDescription;
  const pools: InferencePool[] = [];

  beforeAll(async () => {
    model = await readModelRepository({ folder: sharedFile('models/tiny/bert-cls'), name: 'tiny' });
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close();
  });

  async function startPool(entry: URL, size: number): Promise<InferencePool> {
    const pool = await InferencePool.start({
      model: 'tiny',
      size,
      batchesPerChild: 2,
      startChild: () => InferenceChild.start({ entry, model, threads: 1, niceness: 0, batchTimeoutMs: 3_000 }),
      onFree: () => {},
      log: SILENT,
    });
    pools.push(pool);
    return pool;
  }

  it('answers everything although a process is killed again and again', async () => {
    const pool = await startPool(CHILD, 2);
    const expected = (await pool.run([row(9)])).vectors[0];
    let kills = 0;
    const killer = setInterval(() => {
      const [pid] = pool.processIds;
      if (pid === undefined || kills >= 5) return;
      kills += 1;
      process.kill(pid, 'SIGKILL');
    }, 150);
    const endAtMs = performance.now() + 2_500;
    let batches = 0;
    while (performance.now() < endAtMs) {
      const outcomes = await Promise.all([1, 2, 3, 4].map((seed) => pool.run([row(9), row(30, seed), row(17, seed)])));
      for (const outcome of outcomes) {
        expect(outcome.attempts.size).toBe(0);
        expect(outcome.vectors[0]).toEqual(expected);
      }
      batches += outcomes.length;
    }
    clearInterval(killer);
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(pool.restarts).toBeGreaterThanOrEqual(3);
    expect(batches).toBeGreaterThan(20);
  });

  it('finds the text that ends processes, fails it alone and answers its neighbours', async () => {
    const pool = await startPool(DYING_CHILD, 1);
    const rows = [5, 6, 7, 8, 9, DEADLY_LENGTH, 10, 11].map((length) => row(length));
    const healthy = await pool.run(rows.filter(({ ids }) => ids.length !== DEADLY_LENGTH));
    const outcome = await pool.run(rows);
    expect([...outcome.attempts.keys()]).toEqual([5]);
    expect(outcome.vectors[5]).toBeNull();
    expect(outcome.vectors.filter((vector) => vector !== null)).toEqual(healthy.vectors);
  });

  it('needs two deaths of a text alone before it calls it poison', async () => {
    const pool = await startPool(DYING_CHILD, 1);
    const outcome = await pool.run([row(DEADLY_LENGTH)]);
    expect(outcome.attempts.get(0)).toBe(2);
    expect(pool.restarts).toBe(2);
  });

  it('fails only the row that the runtime refuses, and keeps the process', async () => {
    const pool = await startPool(CHILD, 1);
    const healthy = await pool.run([row(6), row(7), row(8)]);
    const unknownIds = { ids: Int32Array.of(2, 999_999, 3), promptTokens: 0, fullLength: 3 };
    const outcome = await pool.run([row(6), unknownIds, row(7), row(8)]);
    expect([...outcome.refused.keys()]).toEqual([1]);
    expect(outcome.refused.get(1)).toMatchObject({ code: 'E_INFERENCE_FAILED' });
    expect(outcome.vectors.filter((vector) => vector !== null)).toEqual(healthy.vectors);
    expect(pool.restarts).toBe(0);
  });

  it('kills and replaces a process that hangs', async () => {
    const pool = await startPool(CHILD, 1);
    const [pid = 0] = pool.processIds;
    process.kill(pid, 'SIGSTOP');
    const outcome = await pool.run([row(9)]);
    expect(outcome.vectors[0]).toHaveLength(model.dim);
    expect(pool.processIds).not.toContain(pid);
  });

  it('refuses at once when no process can be started any more, and says why', async () => {
    let broken = false;
    const pool = await InferencePool.start({
      model: 'tiny',
      size: 1,
      batchesPerChild: 1,
      startChild: () =>
        InferenceChild.start({
          entry: broken ? new URL('file:///nowhere/child.js') : CHILD,
          model,
          threads: 1,
          niceness: 0,
          batchTimeoutMs: 3_000,
        }),
      onFree: () => {},
      log: SILENT,
    });
    pools.push(pool);
    broken = true;
    for (const pid of pool.processIds) process.kill(pid, 'SIGKILL');
    await expect.poll(() => pool.downReason, { timeout: 20_000 }).toMatch(/did not start/);
    await expect(pool.run([row(9)])).rejects.toMatchObject({ code: 'E_INFERENCE_UNAVAILABLE' });
    broken = false;
    await expect.poll(() => pool.downReason, { timeout: 20_000 }).toBeNull();
    expect((await pool.run([row(9)])).vectors[0]).toHaveLength(model.dim);
  });

  it('ends its processes when it is closed, and refuses then', async () => {
    const pool = await startPool(CHILD, 2);
    const pids = pool.processIds;
    await pool.close();
    await expect(pool.run([row(9)])).rejects.toMatchObject({ code: 'E_CLOSED' });
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });
});
