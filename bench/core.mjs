// npm run bench:core: what embedq makes of the machine, side by side in one run. Bare onnxruntime-node on
// pre-tokenised, length-sorted batches is the measure; against it the library, HTTP and the command line, and rt
// latency idle and under full bulk load. Every comparison alternates its sides, so that a machine whose speed drifts
// cannot favour one; ratios are medians over the rounds.
//
//   npm run bench:core -- [--variant fp32|int8|both] [--texts 2048] [--rounds 6] [--shared ../shared] [--skip-cli]
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createEmbedder } from 'embedq';
import { createTokenizer } from '../dist/inference/tokenizer.js';
import { readModelRepository } from '../dist/models/repository.js';
import { startBare } from './bare-process.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const { values: arguments_ } = parseArgs({
  options: {
    variant: { type: 'string', default: 'both' },
    texts: { type: 'string', default: '2048' },
    rounds: { type: 'string', default: '6' },
    shared: { type: 'string', default: path.resolve(ROOT, '../shared') },
    'skip-cli': { type: 'boolean', default: false },
    'skip-http': { type: 'boolean', default: false },
  },
});
const TEXTS = Number(arguments_.texts);
const ROUNDS = Number(arguments_.rounds);
const RT_EVERY_MS = 50;
const RT_CALLS = 240;
const RT_BLOCKS = 4;
/** Texts that each side computes before it is the next one's turn. */
const BLOCK_TEXTS = 384;
const CLI_ROUNDS = 2;
/** Full bulk load: so many callers, each with the next call as soon as the last is answered. */
const BULK_FEEDERS = 32;
const BULK_CALL_TEXTS = 16;
const MODEL_DIR = path.join(arguments_.shared, 'models/all-MiniLM-L6-v2');
const CORES = os.availableParallelism();

const say = (line) => process.stderr.write(`${line}\n`);

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
const median = (values) => percentile(values, 0.5);

async function readTexts(name, count) {
  const lines = (await readFile(path.join(arguments_.shared, 'bench', name), 'utf8')).trim().split('\n');
  return lines.slice(0, count).map((line) => JSON.parse(line).text);
}

/** Bare throughput in texts a second with some settings: the rows are dealt out to as many processes. */
async function bareThroughput(processes, rows, batchTokens) {
  const shares = processes.map((_, i) => rows.filter((_row, r) => r % processes.length === i));
  const startedAtMs = performance.now();
  const times = await Promise.all(processes.map((bare, i) => bare.ask('throughput', { rows: shares[i], batchTokens })));
  // The slowest process, without the time that sending the rows and building the inputs took.
  return { textsPerSecond: rows.length / (Math.max(...times) / 1000), wallMs: performance.now() - startedAtMs };
}

/** Tries what a person would try who wants the most of bare onnxruntime-node, on a part of the rows. */
async function findBestBare(file, rows) {
  const sample = rows.filter((_, i) => i % 6 === 0);
  let best = null;
  for (const { count, threads } of [
    { count: 1, threads: CORES },
    { count: CORES, threads: 1 },
  ]) {
    const processes = Array.from({ length: count }, startBare);
    await Promise.all(processes.map((bare) => bare.ask('load', { file, threads, spinning: true })));
    await bareThroughput(processes, sample.slice(0, 64), 512);
    for (const batchTokens of [256, 512, 1024, 2048, 4096]) {
      const { textsPerSecond } = await bareThroughput(processes, sample, batchTokens);
      say(`  bare: ${count} × ${threads} threads, ${batchTokens} tokens a batch: ${textsPerSecond.toFixed(1)} texts/s`);
      if (best === null || textsPerSecond > best.textsPerSecond) best = { count, threads, batchTokens, textsPerSecond };
    }
    for (const bare of processes) bare.stop();
  }
  return best;
}

async function libraryThroughput(embedder, texts) {
  const startedAtMs = performance.now();
  await embedder.embedTexts(texts, { profile: 'bulk' });
  return texts.length / ((performance.now() - startedAtMs) / 1000);
}

/** Eight clients with requests of 64 texts, as an indexer sends them. */
async function httpThroughput(url, texts, encoding) {
  const requests = [];
  for (let i = 0; i < texts.length; i += 64) requests.push(texts.slice(i, i + 64));
  const startedAtMs = performance.now();
  const client = async () => {
    for (let batch = requests.shift(); batch !== undefined; batch = requests.shift()) {
      const answer = await fetch(`${url}/v1/embed`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ texts: batch, profile: 'bulk', encoding_format: encoding }),
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
      // The client's own parsing takes the same cores; the bytes are read, as any client must.
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return texts.length / ((performance.now() - startedAtMs) / 1000);
}

async function cliThroughput(folder, variant, texts) {
  const input = path.join(folder, 'texts.jsonl');
  await writeFile(input, texts.map((text) => JSON.stringify(text)).join('\n'));
  const startedAtMs = performance.now();
  const status = await new Promise((resolve) => {
    const cli = path.join(ROOT, 'dist/cli/main.js');
    const out = path.join(folder, 'out.npy');
    const given = ['embed', '--file', input, '--out', out, '--model', MODEL_DIR, '--variant', variant];
    spawn(process.execPath, [cli, ...given], { stdio: ['ignore', 'ignore', 'inherit'] }).once('exit', resolve);
  });
  if (status !== 0) throw new Error(`embedq embed ended with ${status}`);
  return texts.length / ((performance.now() - startedAtMs) / 1000);
}

async function rtLatencies(embedder, queries) {
  const latenciesMs = [];
  for (const query of queries) {
    const startedAtMs = performance.now();
    await embedder.embedTexts([query]);
    latenciesMs.push(performance.now() - startedAtMs);
    await new Promise((resolve) => setTimeout(resolve, RT_EVERY_MS));
  }
  return latenciesMs;
}

/** Bulk that is never without work: what it reaches alone, what it reaches beside rt calls, and how these fare. */
async function underBulkLoad(embedder, counter, texts, queries) {
  let stop = false;
  const feed = async (offset) => {
    for (let i = offset; !stop; i += BULK_FEEDERS) {
      const start = (i * BULK_CALL_TEXTS) % texts.length;
      const part = texts.slice(start, start + BULK_CALL_TEXTS);
      await embedder.embedTexts(part, { profile: 'bulk' });
    }
  };
  const feeders = Array.from({ length: BULK_FEEDERS }, (_, offset) => feed(offset));
  const rateDuring = async (work) => {
    const textsBefore = counter.bulkTexts;
    const startedAtMs = performance.now();
    await work();
    return (counter.bulkTexts - textsBefore) / ((performance.now() - startedAtMs) / 1000);
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(1_500);
  // Half of the time alone before the rt calls and half after them, so that a drift of the machine cancels out.
  const aloneMs = (queries.length * RT_EVERY_MS) / 2;
  const before = await rateDuring(() => pause(aloneMs));
  let rt = [];
  const beside = await rateDuring(async () => {
    rt = await rtLatencies(embedder, queries);
  });
  const after = await rateDuring(() => pause(aloneMs));
  stop = true;
  await Promise.all(feeders);
  return { rt, beside, alone: (before + after) / 2 };
}

/** embedq serve in a process of its own, as people run it. */
async function startServe(variant) {
  const cli = path.join(ROOT, 'dist/cli/main.js');
  const environment = { ...process.env, EMB_MODEL_VARIANTS: `minilm=${variant}`, LOG_LEVEL: 'error' };
  if (variant === 'fp32') {
    environment.USE_LOCAL_MODELS = '1';
    environment.LOCAL_MODELS_DIR = await localModels();
  }
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const server = spawn(process.execPath, [cli, 'serve', '--port', String(port)], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await fetch(`${url}/health`).catch(() => null))?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        server.once('exit', resolve);
        server.kill('SIGTERM');
      }),
  };
}

let localModelsDir = null;
/** The shared model under `<model_id>/<rev>/`, as LOCAL_MODELS_DIR wants it. */
async function localModels() {
  if (localModelsDir !== null) return localModelsDir;
  localModelsDir = await mkdtemp(path.join(os.tmpdir(), 'embedq-bench-models-'));
  const owner = path.join(localModelsDir, 'sentence-transformers/all-MiniLM-L6-v2');
  await mkdir(owner, { recursive: true });
  await symlink(MODEL_DIR, path.join(owner, 'default'));
  return localModelsDir;
}

async function measureVariant(variant, texts, queries, folder) {
  const description = await readModelRepository({ folder: MODEL_DIR, name: 'bench', variant, maxSeq: 256 });
  const tokenizer = await createTokenizer(description);
  const rowsOf = async (list) => (await tokenizer.tokenize(list, null)).map((row) => Array.from(row.ids));
  const rows = await rowsOf(texts);
  const queryRows = await rowsOf(queries);
  const { file } = description.graph;

  say(`\n${variant}: looking for the best settings of bare onnxruntime-node`);
  const best = await findBestBare(file, rows);
  say(`  best: ${best.count} × ${best.threads} threads, ${best.batchTokens} tokens a batch`);

  const model = { folder: MODEL_DIR, alias: 'minilm', variant, maxSeq: 256 };
  // The batch shape is measured once, with nothing else running.
  const counter = countBulkTexts();
  const embedder = await createEmbedder({ models: [model], startBulkAtOnce: true, log: counter.log });
  const server = arguments_['skip-http'] ? null : await startServe(variant);
  const processes = Array.from({ length: best.count }, startBare);
  await Promise.all(processes.map((bare) => bare.ask('load', { file, threads: best.threads, spinning: true })));

  // Everything stays up, and the sides take turns with the same block of texts: a machine whose speed changes by the
  // minute is compared with itself within seconds. Idle sides use no processor.
  const sides = {
    bare: async (_block, blockRows) => (await bareThroughput(processes, blockRows, best.batchTokens)).textsPerSecond,
    library: (block) => libraryThroughput(embedder, block),
    ...(server === null
      ? {}
      : {
          http: (block) => httpThroughput(server.url, block, 'float'),
          httpBase64: (block) => httpThroughput(server.url, block, 'base64'),
        }),
  };
  for (const measure of Object.values(sides)) await measure(texts.slice(0, 64), rows.slice(0, 64));
  const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = (round * BLOCK_TEXTS) % texts.length;
    const block = texts.slice(start, start + BLOCK_TEXTS);
    const blockRows = rows.slice(start, start + BLOCK_TEXTS);
    const order = Object.entries(sides);
    for (const [name, measure] of round % 2 === 0 ? order : order.reverse()) {
      results[name].push(await measure(block, blockRows));
    }
    say(
      `  round ${round + 1}: ${Object.entries(results)
        .map(([name, list]) => `${name} ${list.at(-1).toFixed(1)}`)
        .join(', ')}`,
    );
  }
  const cli = { bare: [], cli: [] };
  for (let round = 0; round < CLI_ROUNDS && !arguments_['skip-cli']; round += 1) {
    cli.bare.push((await bareThroughput(processes, rows, best.batchTokens)).textsPerSecond);
    cli.cli.push(await cliThroughput(folder, variant, texts));
    say(`  command line, round ${round + 1}: bare ${cli.bare.at(-1).toFixed(1)}, cli ${cli.cli.at(-1).toFixed(1)}`);
  }
  for (const bare of processes) bare.stop();
  await server?.stop();

  say('  rt latency');
  const rt = { bare: [], library: [] };
  const bare = startBare();
  await bare.ask('load', { file, threads: CORES, spinning: false });
  await bare.ask('latency', { rows: queryRows.slice(0, 20), everyMs: 1 });
  await rtLatencies(embedder, queries.slice(0, 20));
  const pools = await measureLanes(embedder, counter, texts, queries, async (part) => {
    rt.bare.push(...(await bare.ask('latency', { rows: queryRows.slice(part.from, part.to), everyMs: RT_EVERY_MS })));
  });
  bare.stop();
  await embedder.close();

  say('  rt latency with shared sessions');
  const shared = await createEmbedder({ models: [model], config: { sessions: 1 }, log: counter.log });
  await rtLatencies(shared, queries.slice(0, 20));
  const lanes = await measureLanes(shared, counter, texts, queries, async () => {});
  await shared.close();

  return { variant, best, results, cli, rtBare: rt.bare, pools, shared: lanes };
}

/** Texts as their batches end, from the log: calls end too seldom to tell a rate within seconds. */
function countBulkTexts() {
  const counter = { bulkTexts: 0 };
  const debug = (fields, message) => {
    if (message === 'batch' && fields.lane === 'bulk') counter.bulkTexts += fields.texts;
  };
  counter.log = { debug, info() {}, warn() {}, error() {} };
  return counter;
}

/** rt idle, bulk alone and both together, in turns. */
async function measureLanes(embedder, counter, texts, queries, before) {
  const measured = { idle: [], loaded: [], bulkAlone: [], bulkBeside: [] };
  const size = RT_CALLS / RT_BLOCKS;
  for (let i = 0; i < RT_BLOCKS; i += 1) {
    const part = { from: i * size, to: (i + 1) * size };
    const own = queries.slice(part.from, part.to);
    await before(part);
    measured.idle.push(...(await rtLatencies(embedder, own)));
    const both = await underBulkLoad(embedder, counter, texts, own);
    measured.bulkAlone.push(both.alone);
    measured.bulkBeside.push(both.beside);
    measured.loaded.push(...both.rt);
  }
  return measured;
}

function printTable(title, header, rows) {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => String(row[column]).length)));
  const line = (row) => `| ${row.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`;
  console.log(`\n${title}\n`);
  console.log(line(header));
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  for (const row of rows) console.log(line(row));
}

function report(measured) {
  const throughput = [];
  const latency = [];
  const lanes = [];
  for (const { variant, best, results, cli, rtBare, pools, shared } of measured) {
    const names = {
      bare: `bare onnxruntime-node (${best.count} × ${best.threads} threads, ${best.batchTokens} tokens)`,
      library: 'library, profile bulk',
      http: 'HTTP /v1/embed, 8 clients × 64 texts, JSON',
      httpBase64: 'HTTP /v1/embed, 8 clients × 64 texts, base64',
    };
    const ratioOf = (list, base) => median(list.map((value, round) => value / base[round])).toFixed(3);
    for (const [name, list] of Object.entries(results)) {
      if (list.length === 0) continue;
      throughput.push([variant, names[name], median(list).toFixed(1), ratioOf(list, results.bare)]);
    }
    if (cli.cli.length > 0) {
      const what = `embedq embed --file, ${TEXTS} texts, start included`;
      throughput.push([variant, what, median(cli.cli).toFixed(1), ratioOf(cli.cli, cli.bare)]);
    }
    const row = (name, list, remark) => [
      variant,
      name,
      median(list).toFixed(2),
      percentile(list, 0.99).toFixed(2),
      remark,
    ];
    const p99 = (list) => percentile(list, 0.99);
    latency.push(row('bare run', rtBare, ''));
    const over = (median(pools.idle) - median(rtBare)).toFixed(2);
    latency.push(row('library, idle', pools.idle, `bare p50 + ${over} ms`));
    const worse = (p99(pools.loaded) / p99(pools.idle)).toFixed(2);
    latency.push(row('library, full bulk load', pools.loaded, `${worse} × idle p99`));
    latency.push(row('shared session, idle', shared.idle, ''));
    const more = (p99(shared.loaded) - p99(shared.idle)).toFixed(1);
    latency.push(row('shared session, full bulk load', shared.loaded, `idle p99 + ${more} ms`));
    for (const [mode, { bulkAlone, bulkBeside }] of Object.entries({ pools, shared })) {
      const kept = ratioOf(bulkBeside, bulkAlone);
      lanes.push([variant, mode, median(bulkAlone).toFixed(1), median(bulkBeside).toFixed(1), kept]);
    }
  }
  console.log(`${os.cpus()[0]?.model.trim()}, ${CORES} cores, Node ${process.version}, ${ROUNDS} rounds`);
  printTable('Throughput', ['variant', 'what', 'texts/s', 'of bare'], throughput);
  printTable(`rt latency, one query every ${RT_EVERY_MS} ms`, ['variant', 'what', 'p50 ms', 'p99 ms', ''], latency);
  printTable('bulk beside rt', ['variant', 'mode', 'alone texts/s', 'with 20 rt calls/s', 'kept'], lanes);
}

const texts = await readTexts('texts.jsonl', TEXTS);
const queries = await readTexts('queries.jsonl', RT_CALLS);
const folder = await mkdtemp(path.join(os.tmpdir(), 'embedq-bench-'));
try {
  const measured = [];
  for (const variant of arguments_.variant === 'both' ? ['int8', 'fp32'] : [arguments_.variant]) {
    measured.push(await measureVariant(variant, texts, queries, folder));
  }
  report(measured);
} finally {
  await rm(folder, { recursive: true, force: true });
  if (localModelsDir !== null) await rm(localModelsDir, { recursive: true, force: true });
}
