// The command line as its users meet it: the built program, its streams, its files and its exit codes.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLI, type CliRun, type CliSettings, runCli, startCli } from '../support/run-cli.js';

interface Row {
  readonly index: number;
  readonly model: string;
  readonly dim: number;
  readonly fingerprint: string;
  readonly vector: readonly number[];
}

let cacheDir: string;
let folder: string;

const env = () => ({ MODELS_CACHE_DIR: cacheDir, EMB_STARTUP_PROBE: '0' });
const embedq = (args: readonly string[], settings: CliSettings = {}): Promise<CliRun> =>
  runCli(args, { cwd: folder, ...settings, env: { ...env(), ...settings.env } });
const rowsOf = (jsonl: string): Row[] =>
  jsonl
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const inFolder = (name: string) => path.join(folder, name);

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

beforeAll(async () => {
  cacheDir = await mkdtemp(path.join(tmpdir(), 'embedq-cli-cache-'));
});
afterAll(() => rm(cacheDir, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'embedq-cli-'));
  return () => rm(folder, { recursive: true });
});

describe('embedq embed with texts', () => {
  it('prints a JSON row a text to a pipe, and nothing else', async () => {
    const run = await embedq(['embed', 'Hello world', 'Hallo Welt']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const rows = rowsOf(run.stdout);
    expect(rows.map((row) => Object.keys(row))).toEqual(
      rows.map(() => ['index', 'model', 'dim', 'fingerprint', 'vector']),
    );
    expect(rows.map(({ index, model, dim }) => ({ index, model, dim }))).toEqual([
      { index: 0, model: 'minilm', dim: 384 },
      { index: 1, model: 'minilm', dim: 384 },
    ]);
    for (const { vector, fingerprint } of rows) {
      expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
      expect(vector).toHaveLength(384);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
    }
  });

  it('takes texts that begin with a dash after --', async () => {
    const run = await embedq(['embed', '--', '--file', '-5 degrees']);
    expect(rowsOf(run.stdout)).toHaveLength(2);
  });

  it('cuts vectors to the dimensions asked for and normalises them again', async () => {
    const run = await embedq(['embed', '--dimensions', '64', 'Hello world']);
    const [row] = rowsOf(run.stdout);
    expect(row?.vector).toHaveLength(64);
    expect(row?.dim).toBe(64);
    expect(dot(row?.vector ?? [], row?.vector ?? [])).toBeCloseTo(1, 5);
  });

  it('writes one JSON array with --format json and a readable table with --format table', async () => {
    const json = await embedq(['embed', '--format', 'json', 'a', 'b']);
    expect((JSON.parse(json.stdout) as Row[]).map((row) => row.index)).toEqual([0, 1]);
    const table = await embedq(['embed', '--format', 'table', 'Hello']);
    expect(table.stdout).toMatch(/1 {2}Hello .* 1\.0000\nminilm \(int8\), 384 dimensions, fingerprint [0-9a-f]{16}\n$/);
  });

  it('says how many texts were cut, and refuses them with --no-truncate', async () => {
    const long = 'word '.repeat(400);
    const cut = await embedq(['embed', 'short', long]);
    expect(cut).toMatchObject({ code: 0, stderr: expect.stringContaining('1 of 2 texts was longer') });
    const refused = await embedq(['embed', '--no-truncate', 'short', long]);
    expect(refused).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/Text 1 has 402 tokens.*E_TEXT_TOO_LONG/s),
    });
  });
});

describe('embedq embed with a file', () => {
  const texts = Array.from({ length: 600 }, (_, index) => `text ${index} ${'more '.repeat(index % 30)}`);

  it('gives the same vectors from .txt, .jsonl and stdin, in the order of the lines', async () => {
    await writeFile(inFolder('texts.txt'), texts.map((text) => `${text}\n`).join(''));
    const jsonl = texts.map((text, index) => JSON.stringify(index % 2 === 0 ? text : { id: index, text })).join('\n');
    await writeFile(inFolder('texts.jsonl'), jsonl);
    const fromTxt = await embedq(['embed', '--file', 'texts.txt']);
    const fromJsonl = await embedq(['embed', '--file', 'texts.jsonl', '--out', 'vectors.jsonl']);
    const fromStdin = await embedq(['embed', '--file', '-'], { stdin: texts.join('\n') });
    expect([fromTxt.code, fromJsonl.code, fromStdin.code]).toEqual([0, 0, 0]);
    expect(rowsOf(fromTxt.stdout).map((row) => row.index)).toEqual(texts.map((_, index) => index));
    expect(await readFile(inFolder('vectors.jsonl'), 'utf8')).toBe(fromTxt.stdout);
    expect(fromStdin.stdout).toBe(fromTxt.stdout);
    expect(fromJsonl.stdout).toBe('');
    // Row 7 is text 7: the same text alone has the same vector, to the last bit.
    const alone = await embedq(['embed', texts[7] ?? '']);
    expect(rowsOf(fromTxt.stdout)[7]?.vector).toEqual(rowsOf(alone.stdout)[0]?.vector);
  });

  it('writes a .npy whose header counts the rows', async () => {
    const jsonl = await embedq(['embed', '--file', '-'], { stdin: 'one\ntwo\nthree\n' });
    const run = await embedq(['embed', '--file', '-', '--out', 'vectors.npy'], { stdin: 'one\ntwo\nthree\n' });
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { shape, floats } = readNpy(await readFile(inFolder('vectors.npy')));
    expect(shape).toEqual([3, 384]);
    expect(floats).toEqual(rowsOf(jsonl.stdout).flatMap((row) => row.vector.map(Math.fround)));
  });

  it('takes an empty file for no texts', async () => {
    await writeFile(inFolder('empty.txt'), '');
    expect(await embedq(['embed', '--file', 'empty.txt'])).toEqual({ code: 0, stdout: '', stderr: '' });
    await embedq(['embed', '--file', 'empty.txt', '--out', 'empty.npy']);
    expect(readNpy(await readFile(inFolder('empty.npy'))).shape).toEqual([0, 384]);
  });

  it('refuses .npy of a file to a pipe, because its size stands at its beginning', async () => {
    const run = await embedq(['embed', '--file', '-', '--format', 'npy'], { stdin: 'one\n' });
    expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('needs --out') });
  });

  it('refuses a bad row by file and line, and leaves no output', async () => {
    await writeFile(inFolder('bad.jsonl'), `${'"fine"\n'.repeat(6)}{"text": 5}\n`);
    const run = await embedq(['embed', '--file', 'bad.jsonl', '--out', 'vectors.jsonl']);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('bad.jsonl, line 7: its "text" is not a string');
    expect(await readdir(folder)).toEqual(['bad.jsonl']);
  });

  it('refuses a text that is too long by file and line', async () => {
    await writeFile(inFolder('long.jsonl'), `"fine"\n\n${JSON.stringify('x'.repeat(1001))}\n`);
    const run = await embedq(['embed', '--file', 'long.jsonl'], { env: { EMB_MAX_TEXT_CHARACTERS: '1000' } });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('long.jsonl, line 3: Text 1 has 1001 characters, limit 1000.');
  });

  it('refuses to replace its own input, behind a link too', async () => {
    await writeFile(inFolder('texts.txt'), 'one\n');
    await symlink('texts.txt', inFolder('link.jsonl'));
    for (const out of ['texts.txt', './texts.txt', 'link.jsonl']) {
      const run = await embedq(['embed', '--file', 'texts.txt', '--out', out]);
      expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('is the file that is read') });
    }
    expect(await readFile(inFolder('texts.txt'), 'utf8')).toBe('one\n');
  });

  it('replaces what stood there, behind a link too, only with something whole', async () => {
    await writeFile(inFolder('real.jsonl'), 'what stood here');
    await symlink('real.jsonl', inFolder('link.jsonl'));
    await embedq(['embed', '--file', '-', '--out', 'link.jsonl', '--input-format', 'jsonl'], {
      stdin: '"good"\nbad\n',
    });
    expect(await readFile(inFolder('real.jsonl'), 'utf8')).toBe('what stood here');
    await embedq(['embed', '--file', '-', '--out', 'link.jsonl'], { stdin: 'good\n' });
    expect(rowsOf(await readFile(inFolder('real.jsonl'), 'utf8'))).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual(['link.jsonl', 'real.jsonl']);
  });
});

describe('an interrupted embedq embed', () => {
  it('leaves no half-written file after Ctrl-C, and exits with 130', async () => {
    await writeFile(inFolder('big.txt'), 'a text of the usual length, somewhat longer than others\n'.repeat(50_000));
    const child = startCli(['embed', '--file', 'big.txt', '--out', 'vectors.jsonl'], { cwd: folder, env: env() });
    const closed = once(child, 'close');
    // Something has been written, so it is in the middle of the file.
    await vi.waitFor(
      async () => {
        const temporary = (await readdir(folder)).find((name) => name.endsWith('.tmp'));
        expect((await stat(inFolder(temporary ?? 'none'))).size).toBeGreaterThan(0);
      },
      { timeout: 120_000, interval: 50 },
    );
    child.kill('SIGINT');
    await closed;
    expect(child.exitCode).toBe(130);
    expect(await readdir(folder)).toEqual(['big.txt']);
  });

  it('ends on Ctrl-C although stdin says nothing', async () => {
    const child = startCli(['embed', '--file', '-', '--out', 'vectors.jsonl'], { cwd: folder, env: env() });
    const closed = once(child, 'close');
    await vi.waitFor(async () => expect(await readdir(folder)).toHaveLength(1), { timeout: 60_000, interval: 50 });
    child.kill('SIGINT');
    await closed;
    expect(child.exitCode).toBe(130);
    expect(await readdir(folder)).toEqual([]);
  });

  it('ends in silence when its reader has enough', async () => {
    await writeFile(inFolder('big.txt'), 'a short text\n'.repeat(50_000));
    const pipeline = `"${process.execPath}" "${CLI}" embed --file big.txt | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const run = spawnSync('bash', ['-c', pipeline], {
      cwd: folder,
      env: { ...process.env, ...env() },
      encoding: 'utf8',
    });
    const [row, code] = run.stdout.trimEnd().split('\n');
    expect(JSON.parse(row ?? '')).toMatchObject({ index: 0, model: 'minilm' });
    expect({ code, stderr: run.stderr }).toEqual({ code: '0', stderr: '' });
  });
});

describe('what is wrong', () => {
  it.each([
    [['embed', '--fiel', 'a.txt'], 'unknown option --fiel; did you mean --file?'],
    [['embd', 'x'], 'unknown command "embd"; did you mean embed?'],
    [['models', 'shwo'], 'did you mean show?'],
    [['models'], 'needs a command: list, show'],
    [[], 'needs a command: embed'],
    [['embed'], 'give texts, or --file'],
    [['embed', '--file', 'a.txt', 'text'], 'not both'],
    [['embed', '--dimensions', 'many', 'x'], '--dimensions is "many"'],
    [['embed', '--dimensions', '385', 'x'], 'from 1 to 384'],
    [['embed', '--model', 'minilmm', 'x'], 'no model and no folder "minilmm"; models: minilm; did you mean minilm?'],
    [['similarity', 'only one'], 'two texts or more'],
  ])('embedq %j is a wrong usage: exit code 2 and what to do', async (args, problem) => {
    const run = await embedq(args);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(problem);
    expect(run.stderr).toContain('(E_USAGE)');
  });

  it('is one JSON object on stderr with --json', async () => {
    const run = await embedq(['embed', '--json', '--file', 'missing.txt']);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(run.stderr)).toEqual({
      error: {
        code: 'E_FILE_UNREADABLE',
        message: expect.stringContaining('missing.txt'),
        advice: expect.any(String),
        retryable: false,
      },
    });
  });

  it('lists every fault of the configuration at once', async () => {
    const run = await embedq(['embed', 'x'], { env: { EMB_SESSIONS: 'two', EMB_BULK_SLICE_MS: '0' } });
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('EMB_SESSIONS: "two" is not an integer');
    expect(run.stderr).toContain('EMB_BULK_SLICE_MS: 0 is outside 1 to 60000');
  });

  it('names an output that cannot be written before it loads a model', async () => {
    const run = await embedq(['embed', '--out', 'no/such/folder/v.jsonl', 'x']);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('E_FILE_UNWRITABLE') });
    expect(run.stderr).toContain('no/such/folder/v.jsonl cannot be written: the folder no/such/folder does not exist');
    expect(run.stderr).not.toMatch(/ENOENT|\.tmp/);
  });
});

describe('the other commands', () => {
  it('similarity says which texts are close', async () => {
    const table = await embedq(['similarity', 'a dog', 'a puppy', 'tax law']);
    expect(table).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('closest: 1 and 2') });
    const json = await embedq(['similarity', '--json', 'a dog', 'a puppy']);
    const { cosines } = JSON.parse(json.stdout) as { cosines: number[][] };
    expect(cosines[0]?.[0]).toBeCloseTo(1, 6);
    expect(cosines[0]?.[1]).toBeGreaterThan(0.5);
  });

  it('models show tells where the model is, which vectors it makes, and that they are right', async () => {
    const run = await embedq(['models', 'show', 'minilm', '--json']);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      alias: 'minilm',
      variant: 'int8',
      dim: 384,
      max_seq: 256,
      chain: 'mean pooling → normalize',
      batch_invariant: true,
      licence: 'Apache-2.0',
      problem: null,
    });
    const words = await embedq(['models', 'show', 'minilm', '--no-probe']);
    expect(words.stdout).toMatch(/fingerprint +[0-9a-f]{16}\n/);
  });

  it('models list names a model that is missing and fails', async () => {
    const run = await embedq(['models', 'list'], {
      env: {
        EMB_MODELS: 'minilm:sentence-transformers/all-MiniLM-L6-v2:default:384:256,other:some/model:main:768:512',
      },
    });
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/minilm .*bundled/);
    expect(run.stdout).toMatch(/other .*E_MODEL_NOT_FOUND/);
  });

  it('config prints what is in force and no secret', async () => {
    const run = await embedq(['config'], { env: { S3_SECRET_KEY: 'hunter2', EMB_SESSIONS: '3' } });
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/S3_SECRET_KEY +\*{8} +\(set\)/);
    expect(run.stdout).toMatch(/EMB_SESSIONS +3 +\(set\)/);
    expect(run.stdout).not.toContain('hunter2');
  });

  it('--version prints the version of the package', async () => {
    const manifest = JSON.parse(await readFile(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'));
    expect(await embedq(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it.each([[[]], [['embed']], [['similarity']], [['serve']], [['models']], [['models', 'show']], [['config']]])(
    '%j --help explains itself on stdout',
    async (command) => {
      const run = await embedq([...command, '--help']);
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(run.stdout).toContain(`Usage: ${['embedq', ...command].join(' ')}`);
    },
  );
});

describe.skipIf(spawnSync('script', ['--version']).status !== 0)('on a terminal', () => {
  /** Runs in a pseudo-terminal; stdout and stderr are both the terminal. */
  const onTerminal = (command: string) =>
    spawnSync('script', ['-qec', `"${process.execPath}" "${CLI}" ${command}`, '/dev/null'], {
      cwd: folder,
      env: { ...process.env, ...env(), TERM: 'xterm', NO_COLOR: '' },
      encoding: 'utf8',
    }).stdout;

  it('shows texts as a table', () => {
    expect(onTerminal('embed "Hello world"')).toMatch(/vector begins.*Hello world/s);
  });

  it('shows a bar while a file is embedded, and what was done', async () => {
    await writeFile(inFolder('texts.txt'), 'a text\n'.repeat(300));
    const shown = onTerminal('embed --file texts.txt --out vectors.jsonl');
    expect(shown).toMatch(/█.*%.*300 texts.*texts\/s.*tokens\/s/s);
    expect(shown).toMatch(/300 texts, 1,200 tokens in/);
    expect(onTerminal('embed --quiet --file texts.txt --out vectors.jsonl')).toBe('');
  });
});

/** Reads a .npy of little-endian float32, as NumPy's format says. */
function readNpy(bytes: Buffer): { shape: number[]; floats: number[] } {
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
  const start = 10 + bytes.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = bytes.subarray(10, start).toString('latin1');
  const found = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$/.exec(header);
  const shape = [Number(found?.[1]), Number(found?.[2])];
  const floats = Array.from({ length: (bytes.length - start) / 4 }, (_, index) => bytes.readFloatLE(start + index * 4));
  return { shape, floats };
}
