import os from 'node:os';
import { describe, expect, it } from 'vitest';
import { availableMemoryMiB, processorName, usableCores } from './resources.js';

describe('resources', () => {
  it('never claims more cores than the process may use, and always one', async () => {
    const cores = await usableCores();
    expect(cores).toBeGreaterThanOrEqual(1);
    expect(cores).toBeLessThanOrEqual(os.availableParallelism());
  });

  it('never claims more memory than the machine has', async () => {
    const memoryMiB = await availableMemoryMiB();
    expect(memoryMiB).toBeGreaterThan(0);
    expect(memoryMiB).toBeLessThanOrEqual(os.totalmem() / 1024 / 1024);
  });

  it('names the processor with its architecture', () => {
    expect(processorName()).toContain(os.arch());
  });
});
