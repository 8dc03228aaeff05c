import { describe, expect, it } from 'vitest';
import { EmbedqError } from '../errors.js';
import { bulkShapeCandidates, estimateChildMiB, planPools } from './pool-plan.js';

const MIB = 1024 * 1024;
const machine = { model: 'minilm', cores: 4, sessions: 0, weightsBytes: 90 * MIB, memoryLimitMiB: 16_000 };

describe('planPools', () => {
  it('gives rt one child with all cores and bulk one child a core', () => {
    expect(planPools(machine)).toMatchObject({
      mode: 'pools',
      rt: { children: 1, threads: 4 },
      bulk: { children: 4, threads: 1 },
    });
  });

  it('makes fewer bulk children, with more threads each, where memory is short', () => {
    const memoryLimitMiB = 3 * estimateChildMiB(machine.weightsBytes);
    expect(planPools({ ...machine, memoryLimitMiB })).toMatchObject({ bulk: { children: 2, threads: 2 } });
  });

  it('lets the lanes share one child where a second copy of the weights does not fit', () => {
    const memoryLimitMiB = 2 * estimateChildMiB(machine.weightsBytes) - 1;
    expect(planPools({ ...machine, memoryLimitMiB })).toMatchObject({
      mode: 'shared',
      shared: { children: 1, threads: 4 },
    });
  });

  it('shares as many children as the operator asks for', () => {
    expect(planPools({ ...machine, sessions: 2 })).toMatchObject({
      mode: 'shared',
      shared: { children: 2, threads: 2 },
    });
  });

  it('refuses, with the numbers, where not one child fits', () => {
    const neededMiB = estimateChildMiB(machine.weightsBytes);
    const plan = () => planPools({ ...machine, memoryLimitMiB: neededMiB - 1 });
    expect(plan).toThrow(EmbedqError);
    expect(plan).toThrow(`${neededMiB} MiB, limit ${neededMiB - 1} MiB`);
  });
});

describe('bulkShapeCandidates', () => {
  it('tries fewer and wider children, and each shape once', () => {
    expect(bulkShapeCandidates({ children: 4, threads: 1 }, 4)).toEqual([
      { children: 4, threads: 1 },
      { children: 2, threads: 2 },
      { children: 1, threads: 4 },
    ]);
    expect(bulkShapeCandidates({ children: 1, threads: 1 }, 1)).toEqual([{ children: 1, threads: 1 }]);
  });
});
