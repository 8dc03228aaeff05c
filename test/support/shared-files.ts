// Where the files that tests share are: real and tiny models, reference vectors, texts. They are not part of the
// repository, so each suite that needs them says what it skips where they are absent; in CI that is a failure.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHARED_DIR = path.resolve(ROOT, '../shared');

export const BUNDLED_MODEL_DIR = path.join(ROOT, 'models/all-MiniLM-L6-v2');

/** A path under ../shared. */
export function sharedFile(...parts: string[]): string {
  return path.join(SHARED_DIR, ...parts);
}

/** A suite that needs ../shared; skipped by name where it is absent, except in CI. */
export function describeWithShared(name: string, define: () => void): void {
  const present = existsSync(SHARED_DIR) || process.env['CI'] === 'true';
  describe.skipIf(!present)(present ? name : `${name} (skipped: there is no ../shared)`, define);
}
