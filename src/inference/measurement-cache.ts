// Keeps what was measured of a model on this machine (batch shapes, batch invariance), so that only the first start
// measures. One small JSON file a measurement; losing it costs a second.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';

export interface MeasurementCache<Value> {
  /** What was written under the same key; null where there is nothing, or nothing readable. */
  read(): Promise<Value | null>;
  /** Never fails: what cannot be kept (false) is measured again next time. */
  write(value: Value): Promise<boolean>;
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
        await makeFolders(folder);
        await writeFile(temporary, `${JSON.stringify({ key, value }, null, 2)}\n`);
        await rename(temporary, file);
        return true;
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
        return false;
      }
    },
  };
}

/** Not mkdir's `recursive`: where a file system refuses folders by ENOENT (/proc does), Node 20 then loops for ever. */
async function makeFolders(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !(await isFolder(at)) && path.dirname(at) !== at; at = path.dirname(at)) {
    missing.push(at);
  }
  for (const each of missing.reverse()) {
    await mkdir(each).catch((error: NodeJS.ErrnoException) => {
      // Another process made it meanwhile.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function isFolder(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
