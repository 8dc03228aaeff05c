import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createMeasurementCache } from './measurement-cache.js';

const schema = z.object({ children: z.int(), threads: z.int(), targetTokens: z.int(), tokensPerMs: z.number() });
const shape = { children: 2, threads: 1, targetTokens: 512, tokensPerMs: 20.5 };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'embedq-shapes-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('measurement cache', () => {
  it('gives back what was written, for the same key only', async () => {
    await createMeasurementCache(folder, 'shapes', 'key', schema).write(shape);
    expect(await createMeasurementCache(folder, 'shapes', 'key', schema).read()).toEqual(shape);
    expect(await createMeasurementCache(folder, 'shapes', 'another processor', schema).read()).toBeNull();
  });

  it('counts a damaged file as absent', async () => {
    await createMeasurementCache(folder, 'shapes', 'key', schema).write(shape);
    const [name = ''] = await readdir(path.join(folder, 'shapes'));
    await writeFile(path.join(folder, 'shapes', name), '{"key": "key", "value": {"children": "two"}}');
    expect(await createMeasurementCache(folder, 'shapes', 'key', schema).read()).toBeNull();
  });

  it('does not fail where the folder cannot be made', async () => {
    await writeFile(path.join(folder, 'file'), '');
    const cache = createMeasurementCache(path.join(folder, 'file'), 'shapes', 'key', schema);
    expect(await cache.write(shape)).toBe(false);
    expect(await cache.read()).toBeNull();
  });

  it.runIf(existsSync('/proc/self'))('ends where a file system takes no folders', async () => {
    expect(await createMeasurementCache('/proc/nope', 'shapes', 'key', schema).write(shape)).toBe(false);
  });
});
