// npm run bench:memory: embeds a large file through the command line while inference processes are killed at random,
// and prints how much memory the processes held over time and whether anything was lost or changed.
//
//   npm run bench:memory -- [--texts 200000] [--kill-every-s 10] [--shared ../shared]
import { execFile, spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    texts: { type: 'string', default: '200000' },
    'kill-every-s': { type: 'string', default: '10' },
    shared: { type: 'string', default: path.resolve(ROOT, '../shared') },
  },
});
const TEXTS = Number(values.texts);
const KILL_EVERY_MS = Number(values['kill-every-s']) * 1000;

const lines = (await readFile(path.join(values.shared, 'bench/queries.jsonl'), 'utf8')).trim().split('\n');
const folder = await mkdtemp(path.join(os.tmpdir(), 'embedq-memory-'));
const input = path.join(folder, 'in.jsonl');
const output = path.join(folder, 'out.jsonl');

async function writeInput() {
  const stream = createWriteStream(input);
  for (let i = 0; i < TEXTS; i += 1) {
    if (!stream.write(`${lines[i % lines.length]}\n`)) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
  await finished(stream);
}

async function processesOf(pid) {
  const { stdout } = await run('ps', ['-o', 'pid=,rss=', '--ppid', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/).map(Number));
}

async function residentMiB(pid) {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({ stdout: '0' }));
  return Number(stdout) / 1024;
}

try {
  await writeInput();
  const startedAtMs = performance.now();
  const cli = spawn(
    process.execPath,
    [path.join(ROOT, 'dist/cli/main.js'), 'embed', '--file', input, '--out', output],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = new Promise((resolve) => cli.once('exit', resolve));
  const samples = [];
  let kills = 0;
  let lastKillAtMs = performance.now();
  const sampler = setInterval(async () => {
    const children = await processesOf(cli.pid);
    const own = await residentMiB(cli.pid);
    if (own === 0) return;
    const childrenMiB = children.reduce((sum, [, kib]) => sum + kib / 1024, 0);
    samples.push({ seconds: (performance.now() - startedAtMs) / 1000, own, childrenMiB });
    if (KILL_EVERY_MS > 0 && performance.now() - lastKillAtMs > KILL_EVERY_MS && children.length > 0) {
      lastKillAtMs = performance.now();
      kills += 1;
      process.kill(children[Math.floor(Math.random() * children.length)][0], 'SIGKILL');
    }
  }, 1_000);
  const status = await ended;
  clearInterval(sampler);
  const seconds = (performance.now() - startedAtMs) / 1000;

  const first = new Map();
  let rows = 0;
  let outOfOrder = 0;
  let changed = 0;
  for await (const line of createInterface({ input: createReadStream(output) })) {
    const row = JSON.parse(line);
    if (row.index !== rows) outOfOrder += 1;
    const key = rows % lines.length;
    const vector = JSON.stringify(row.vector);
    if (!first.has(key)) first.set(key, vector);
    else if (first.get(key) !== vector) changed += 1;
    rows += 1;
  }
  const part = (from, to, what) => {
    const list = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)).map((s) => s[what]);
    return `median ${Math.round(list.sort((a, b) => a - b)[list.length >> 1])}, largest ${Math.round(Math.max(...list))} MiB`;
  };
  console.log(
    `${TEXTS} texts, exit status ${status}, ${seconds.toFixed(0)} s, ${(TEXTS / seconds).toFixed(0)} texts/s`,
  );
  console.log(`inference processes killed: ${kills}`);
  console.log(
    `rows written: ${rows}, out of order: ${outOfOrder}, different from the same text's first vector: ${changed}`,
  );
  for (const [name, from, to] of [
    ['first fifth', 0, 0.2],
    ['middle', 0.4, 0.6],
    ['last fifth', 0.8, 1],
  ]) {
    console.log(
      `${name}: supervisor ${part(from, to, 'own')}; inference processes together ${part(from, to, 'childrenMiB')}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
