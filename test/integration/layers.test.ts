// The lint rules that hold the architecture, tried on wrong code: a rule that nobody saw fail may not be there.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** What of biome's JSON report is read here. */
interface Report {
  readonly summary: { readonly errors: number };
  readonly diagnostics: readonly {
    readonly category: string;
    readonly message: string;
    readonly location: { readonly path: string };
  }[];
}

function importing(specifier: string): string {
  return `import { something } from '${specifier}';\nexport const used = something;\n`;
}

const FORBIDDEN = [
  ['src/contracts/models.ts', '../models/description.js'],
  ['src/contracts/config.ts', '../config.js'],
  ['src/errors.ts', './config.js'],
  ['src/models/config.ts', '../config.js'],
  ['src/models/inference.ts', '../inference/token-row.js'],
  ['src/inference/batching.ts', '../batching/scheduler.js'],
  ['src/inference/deep/config.ts', '../../config.js'],
  ['src/batching/inference.ts', '../inference/token-row.js'],
  ['src/batching/config.ts', '../config.js'],
  ['src/worker/cli.ts', '../cli/main.js'],
  ['src/gateway/start.ts', '../start/serve.js'],
  ['src/start/cli.ts', '../cli/main.js'],
  ['test/acceptance/errors.test.ts', '../../src/errors.js'],
] as const;

const ALLOWED = [
  ['src/models/errors.ts', '../errors.js'],
  ['src/inference/models.ts', '../models/description.js'],
  ['src/batching/contracts.ts', '../contracts/lane.js'],
  ['src/gateway/config.ts', '../config.js'],
  ['src/cli/start.ts', '../start/serve.js'],
] as const;

const readsEnvironment = 'export const home = process.env.HOME;\n';
const endsProcess = 'process.exit(1);\n';

const sources: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...FORBIDDEN, ...ALLOWED].map(([file, specifier]) => [file, importing(specifier)])),
  'src/worker/environment.ts': readsEnvironment,
  'src/config.ts': readsEnvironment,
  'src/gateway/exit.ts': endsProcess,
  'src/cli/exit.ts': endsProcess,
};

const folder = mkdtempSync(path.join(tmpdir(), 'embedq-layers-'));
let report: Report;

beforeAll(() => {
  for (const name of ['biome.json', '.biome', '.gitignore', 'package.json']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  for (const [file, source] of Object.entries(sources)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), source);
  }
  const biome = path.join(root, 'node_modules', '.bin', 'biome');
  const { stdout, error } = spawnSync(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  // The shape is biome's; the first test below sees whether it is still this one.
  report = JSON.parse(stdout) as Report;
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What the linter says about one file: categories and messages. */
function findings(file: string): string[] {
  return report.diagnostics
    .filter((diagnostic) => diagnostic.location.path.endsWith(file))
    .map((diagnostic) => `${diagnostic.category}: ${diagnostic.message}`);
}

test('the linter looked at the files', () => {
  expect(report.summary.errors).toBeGreaterThanOrEqual(FORBIDDEN.length);
});

describe('imports point inwards', () => {
  test.each(FORBIDDEN)('%s may not import %s', (file) => {
    expect(findings(file).join('\n')).toContain('noRestrictedImports');
  });

  test.each(ALLOWED)('%s may import %s', (file) => {
    expect(findings(file).join('\n')).not.toContain('noRestrictedImports');
  });
});

describe('the edges of the process', () => {
  test('only config.ts reads the environment', () => {
    expect(findings('src/worker/environment.ts').join('\n')).toContain('noProcessEnv');
    expect(findings('src/config.ts').join('\n')).not.toContain('noProcessEnv');
  });

  test('only start/ and cli/ end the process', () => {
    expect(findings('src/gateway/exit.ts').join('\n')).toContain('Only src/start and src/cli end the process');
    expect(findings('src/cli/exit.ts').join('\n')).not.toContain('end the process');
  });
});
