// Compiles src/ into dist/. With --if-stale only where dist/ is missing or older than what it is made from: npm runs
// that after an install, and npm 10 runs it again before each `npx embedq` in this folder, where compiling every time
// would cost a second a call.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
/** Its time is when the last build began that succeeded. */
const stamp = path.join(dist, '.built');
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const inputs = ['src', 'tsconfig.json', 'package.json', 'package-lock.json'];

/** Latest change of a file, or of anything below a folder, in milliseconds. A deleted file changes its folder. */
function changedAtMs(file) {
  const own = statSync(file);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(own.mtimeMs, ...readdirSync(file).map((name) => changedAtMs(path.join(file, name))));
}

function isFresh() {
  if (!existsSync(stamp)) return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  return inputs.every((input) => changedAtMs(path.join(root, input)) < builtAtMs);
}

/** What was compiled from sources that are gone must not stay importable. The compiler writes every other file anew. */
function removeOlderThan(folder, timeMs) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) removeOlderThan(file, timeMs);
    else if (statSync(file).mtimeMs < timeMs) rmSync(file);
  }
}

function build() {
  // File systems may keep whole seconds only.
  const startedAt = new Date(Math.floor(Date.now() / 1000) * 1000);
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) return status ?? 1;
  removeOlderThan(dist, startedAt.getTime());
  writeFileSync(stamp, '');
  // A source that changed while the compiler ran is newer than this.
  utimesSync(stamp, startedAt, startedAt);
  return 0;
}

if (!existsSync(compiler)) {
  // Installed without development packages (npm ci --omit=dev): what was built before has to do.
  if (!existsSync(path.join(dist, 'index.js'))) {
    console.error('dist/ is not built, and TypeScript is not installed. Run `npm ci` without --omit=dev first.');
    process.exitCode = 1;
  }
} else if (!process.argv.includes('--if-stale') || !isFresh()) {
  process.exitCode = build();
}
