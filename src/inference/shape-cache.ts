// Keeps what the start-up probe found, so that only the first start of a model on a machine measures. One small
// JSON file a model and machine; losing it costs a second.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const shapeFile = z.object({
  schema_version: z.literal(1),
  key: z.string(),
  children: z.number().int().positive(),
  threads: z.number().int().positive(),
  target_tokens: z.number().int().positive(),
  tokens_per_ms: z.number().positive(),
});

export interface MeasuredShape {
  readonly children: number;
  readonly threads: number;
  /** Padded tokens of a batch. */
  readonly targetTokens: number;
  /** Padded tokens a millisecond, all children together. */
  readonly tokensPerMs: number;
}

export interface ShapeCache {
  read(): Promise<MeasuredShape | null>;
  /** Never fails: a cache that cannot be written is measured again next time. */
  write(shape: MeasuredShape): Promise<void>;
}

/** @param key everything that the measurement depends on: fingerprint, processor, cores, runtime, plan */
export function createShapeCache(cacheDir: string, key: string): ShapeCache {
  const folder = path.join(cacheDir, 'shapes');
  const file = path.join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.json`);
  return {
    async read() {
      try {
        const found = shapeFile.parse(JSON.parse(await readFile(file, 'utf8')));
        if (found.key !== key) return null;
        const { children, threads, target_tokens: targetTokens, tokens_per_ms: tokensPerMs } = found;
        return { children, threads, targetTokens, tokensPerMs };
      } catch {
        // Absent, unreadable or from another version: all the same, it is measured.
        return null;
      }
    },
    async write(shape) {
      const temporary = `${file}.${randomUUID()}.tmp`;
      const content: z.infer<typeof shapeFile> = {
        schema_version: 1,
        key,
        children: shape.children,
        threads: shape.threads,
        target_tokens: shape.targetTokens,
        tokens_per_ms: shape.tokensPerMs,
      };
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`);
        await rename(temporary, file);
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
  };
}
