// The last line of a test run, from real runs: what CI and people read must not say "0 failed" about a broken run.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const reporter = path.join(root, 'test/support/counts-reporter.ts');
let folder: string;

beforeAll(() => {
  // Inside the package, where `vitest` can be found.
  mkdirSync(path.join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(path.join(root, '.cache', 'counts-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs vitest over one file with this source; returns its last line and its exit status. */
function run(name: string, source: string): { lastLine: string; status: number | null } {
  const home = path.join(folder, name);
  mkdirSync(home);
  writeFileSync(path.join(home, 'vitest.config.mjs'), 'export default {};\n');
  writeFileSync(
    path.join(home, 'a.test.mjs'),
    `import { afterAll, beforeAll, expect, test } from 'vitest';\n${source}`,
  );
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { stdout, status } = spawnSync(process.execPath, [vitest, 'run', '--root', home, '--reporter', reporter], {
    cwd: home,
    encoding: 'utf8',
  });
  return { lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', status };
}

test('counts what passed', () => {
  const result = run('good', "test('a', () => {}); test('b', () => {});");
  expect(result).toEqual({ lastLine: '2 passed, 0 failed', status: 0 });
});

test('counts what failed and what was skipped', () => {
  const result = run('bad', "test('a', () => {}); test('b', () => { expect(1).toBe(2); }); test.skip('c', () => {});");
  expect(result).toEqual({ lastLine: '1 passed, 1 failed, 1 skipped', status: 1 });
});

test('a file that does not load is a failure', () => {
  const result = run('unloadable', "await import('./nothing.mjs'); test('a', () => {});");
  expect(result).toEqual({ lastLine: '0 passed, 1 failed', status: 1 });
});

test('an error outside of any test is a failure', () => {
  const result = run(
    'stray',
    "test('a', () => {}); setTimeout(() => { throw new Error('stray'); }, 0); await new Promise((resolve) => setTimeout(resolve, 0));",
  );
  expect(result.lastLine).toBe('1 passed, 1 failed');
  expect(result.status).toBe(1);
});

test('a hook that fails is a failure', () => {
  const { lastLine, status } = run('hook', "afterAll(() => { throw new Error('left open'); }); test('a', () => {});");
  expect(lastLine).toBe('1 passed, 1 failed');
  expect(status).toBe(1);
});

test('tests that a failed hook kept from running did not pass', () => {
  const { lastLine, status } = run(
    'blocked',
    "beforeAll(() => { throw new Error('no'); }); test('a', () => {}); test('b', () => {});",
  );
  expect(lastLine).not.toMatch(/ 0 failed/);
  expect(lastLine).toMatch(/^0 passed/);
  expect(status).toBe(1);
});
