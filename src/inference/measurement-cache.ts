// Keeps what was measured of a model on this machine (batch shapes, batch invariance), so that only the first start
// measures. One small JSON file a measurement; losing it costs a second.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';

export interface MeasurementCache<Value> {
  /** What was written under the same key; null where there is nothing, or nothing readable. */
  read(): Promise<Value | null>;
  /** Never fails: what cannot be kept is measured again next time. */
  write(value: Value): Promise<void>;
}

/**
 * @param kind names the folder, such as `shapes`
 * @param key everything that the measurement depends on: fingerprint, processor, cores, runtime
 */
export function createMeasurementCache<Value>(
  cacheDir: string,
  kind: string,
  key: string,
  schema: z.ZodType<Value>,
): MeasurementCache<Value> {
  const folder = path.join(cacheDir, kind);
  const file = path.join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.json`);
  return {
    async read() {
      try {
        const found: unknown = JSON.parse(await readFile(file, 'utf8'));
        if (typeof found !== 'object' || found === null || !('key' in found) || found.key !== key) return null;
        return 'value' in found ? schema.parse(found.value) : null;
      } catch {
        // Absent, damaged or from another version: all the same, it is measured.
        return null;
      }
    },
    async write(value) {
      const temporary = `${file}.${randomUUID()}.tmp`;
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(temporary, `${JSON.stringify({ key, value }, null, 2)}\n`);
        await rename(temporary, file);
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
  };
}
