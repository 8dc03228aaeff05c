// The documents do not drift: their links lead somewhere, and their TypeScript compiles against the built package
// as a reader's would.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
// Inside the package, so that `import … from 'embedq'` finds it as it would find a dependency.
const folder = path.join(root, '.cache', `documents-${process.pid}`);

const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.join('docs', file)),
];

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** The ```ts blocks of a document. */
function snippets(file: string): string[] {
  return [...read(file).matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('links lead to files that exist', () => {
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => (match[1] ?? '').replace(/#.*$/, ''))
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(path.resolve(root, path.dirname(file), target)))
      .map((target) => `${file} → ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every guide and reference page is in the index', () => {
  const index = read('docs/README.md');
  const pages = documents.filter((file) => file.startsWith('docs/') && file !== 'docs/README.md');
  expect(pages.filter((page) => !index.includes(`(${path.posix.relative('docs', page)})`))).toEqual([]);
});

test('the README opens with the two commands', () => {
  const firstScreen = read('README.md').split('\n').slice(0, 40).join('\n');
  expect(firstScreen).toContain('npm ci && npx embedq embed "Hello world"');
  expect(firstScreen).toContain('npm ci && npm test');
});

test('TypeScript in documents compiles', () => {
  expect(existsSync(path.join(root, 'dist/index.d.ts')), 'run `npm run build` first').toBe(true);
  mkdirSync(folder, { recursive: true });
  let written = 0;
  for (const file of documents) {
    for (const [index, source] of snippets(file).entries()) {
      // A module of its own each, whatever it imports.
      const name = `${file.replaceAll(/\W/g, '-')}-${index + 1}.ts`;
      writeFileSync(path.join(folder, name), `${source}\nexport {};\n`);
      written += 1;
    }
  }
  expect(written).toBeGreaterThan(3);
  const settings = {
    extends: '../../tsconfig.json',
    // A reader's own settings are rarely as strict about indexes and unused names as ours.
    compilerOptions: {
      rootDir: '../..',
      noEmit: true,
      declaration: false,
      noUnusedLocals: false,
      noUncheckedIndexedAccess: false,
    },
    include: ['*.ts'],
    exclude: [],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
