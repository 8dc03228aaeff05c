// What a tool can hold about the repository itself, so that no review has to: nothing of one machine in it,
// small and introduced files, and an install that works behind any mirror.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** Files that may have more than 400 lines, each with the reason why splitting it would make it worse. */
const LONG_FILES: Readonly<Record<string, string>> = {};

/** Tracked files and new ones that git does not ignore. */
function listFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root });
  return listed
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

function isCode(file: string): boolean {
  return /^(src|test|bench|scripts)\/.*\.m?ts$|\.mjs$/.test(file);
}

const files = listFiles();
const code = files.filter(isCode);
/** Everything that people wrote: no weights, no tokenizers, no fixtures of megabytes. */
const written = files.filter((file) => !file.startsWith('models/') && statSync(path.join(root, file)).size < 1_000_000);

function linesMatching(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

test('the listing that the other tests stand on is not empty', () => {
  expect(code.length).toBeGreaterThan(10);
  expect(written).toContain('package.json');
});

describe('source files', () => {
  test('say what they are for in their first lines', () => {
    // A unit test lies beside the file that it is about; its describe says the rest.
    const introduced = code.filter((file) => !/^src\/.*\.test\.ts$/.test(file));
    const silent = introduced.filter((file) => {
      const [first = '', second = ''] = read(file).split('\n');
      return !/^(\/\/|\/\*)/.test(first.startsWith('#!') ? second : first);
    });
    expect(silent).toEqual([]);
  });

  test('are named for what they hold', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.[^/]*)?(\/|$)/i.test(file))).toEqual([]);
  });

  test('have at most 400 lines, or a reason', () => {
    const long = code.filter((file) => read(file).split('\n').length > 401);
    expect(long.filter((file) => !(file in LONG_FILES))).toEqual([]);
    // A reason outlives its file too easily.
    expect(Object.keys(LONG_FILES).filter((file) => !long.includes(file))).toEqual([]);
  });

  test('read the environment in one place', () => {
    const product = code.filter((file) => file.startsWith('src/') && !file.endsWith('.test.ts'));
    const elsewhere = product.filter((file) => file !== 'src/config.ts');
    expect(linesMatching(/\bprocess\s*(\?\.|\.)\s*env\b|\benv\b.*=\s*process\b|process\[/, elsewhere)).toEqual([]);
  });

  test('leave no test narrowed', () => {
    expect(
      linesMatching(
        /\b(it|test|describe)\.only\b/,
        code.filter((file) => !file.endsWith('repository.test.ts')),
      ),
    ).toEqual([]);
  });
});

describe('nothing of one machine or one person', () => {
  test('no path of a machine', () => {
    const places = ['work', 'root', 'home', 'Users'].join('|');
    expect(linesMatching(new RegExp(`(^|[^\\w.~@-])/(${places})/\\w`), written)).toEqual([]);
  });

  test('no address of a registry or a mirror', () => {
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['registry', 'yarnpkg', 'com'],
      ['files', 'pythonhosted', 'org'],
      ['proxy', 'golang', 'org'],
    ].map((parts) => parts.join('\\.'));
    expect(linesMatching(new RegExp(hosts.join('|')), written)).toEqual([]);
    expect(linesMatching(/"resolved":/, ['package-lock.json'])).toEqual([]);
  });

  test('no secret', () => {
    const shapes = [
      'AKIA[0-9A-Z]{16}',
      '-----BEGIN [A-Z ]*PRIVATE KEY-----',
      'gh[pousr]_[A-Za-z0-9]{36}',
      'npm_[A-Za-z0-9]{36}',
      'sk-(proj-)?[A-Za-z0-9]{32,}',
      'hf_[A-Za-z0-9]{30,}',
      'xox[abp]-[A-Za-z0-9-]{20,}',
    ];
    expect(linesMatching(new RegExp(shapes.join('|')), written)).toEqual([]);
    expect(files.filter((file) => /(^|\/)\.env(\.local)?$|\.(pem|key|p12)$/.test(file))).toEqual([]);
  });
});

describe('the install', () => {
  interface Manifest {
    readonly dependencies: Record<string, string>;
    readonly devDependencies: Record<string, string>;
  }

  test('pins exact versions', () => {
    // package.json is ours; its shape is npm's.
    const manifest = JSON.parse(read('package.json')) as Manifest;
    const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test('runs no install script of a dependency', () => {
    // onnxruntime-node's fetches GPU files from outside of the npm registry. npm runs a dependency's script where
    // the lock has this mark; `npm install` leaves it off as long as the entry stays. If a new version of a
    // package brings it back: decide on the script, remove the mark, and list the package under allowScripts.
    expect(linesMatching(/"hasInstallScript"/, ['package-lock.json'])).toEqual([]);
  });
});
