// npm run bench:core: what embedq makes of the machine, side by side in one run. Bare onnxruntime-node on
// pre-tokenised, length-sorted batches is the measure; against it the library, HTTP and the command line, and rt
// latency idle and under full bulk load. Every comparison alternates its sides, so that a machine whose speed drifts
// cannot favour one; ratios are medians over the rounds.
//
//   npm run bench:core -- [--variant fp32|int8|both] [--texts 2048] [--rounds 3] [--shared ../shared] [--skip-cli]
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
    rounds: { type: 'string', default: '3' },
    shared: { type: 'string', default: path.resolve(ROOT, '../shared') },
    'skip-cli': { type: 'boolean', default: false },
    'skip-http': { type: 'boolean', default: false },
  },
});
const TEXTS = Number(arguments_.texts);
const ROUNDS = Number(arguments_.rounds);
const RT_EVERY_MS = 50;
const RT_CALLS = 400;
/** Full bulk load: so many callers, each with the next call as soon as the last is answered. */
const BULK_FEEDERS = 32;
const BULK_CALL_TEXTS = 32;
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

/** rt latency while bulk is never without work, and what bulk reaches meanwhile. */
async function underBulkLoad(embedder, texts, queries) {
  let stop = false;
  let done = 0;
  const feed = async (offset) => {
    for (let i = offset; !stop; i += BULK_FEEDERS) {
      const start = (i * BULK_CALL_TEXTS) % texts.length;
      const part = texts.slice(start, start + BULK_CALL_TEXTS);
      await embedder.embedTexts(part, { profile: 'bulk' });
      if (!stop) done += part.length;
    }
  };
  const feeders = Array.from({ length: BULK_FEEDERS }, (_, offset) => feed(offset));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  done = 0;
  const startedAtMs = performance.now();
  const rt = queries === null ? await sleepAsLongAsRt() : await rtLatencies(embedder, queries);
  const bulk = done / ((performance.now() - startedAtMs) / 1000);
  stop = true;
  await Promise.all(feeders);
  return { rt, bulk };
}

async function sleepAsLongAsRt() {
  await new Promise((resolve) => setTimeout(resolve, RT_CALLS * (RT_EVERY_MS + 5)));
  return [];
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
  const results = { bare: [], library: [], http: [], httpBase64: [], cli: [] };
  // The batch shape is measured once, with nothing else running.
  const first = await createEmbedder({ models: [model], startBulkAtOnce: true });
  await first.close();
  for (let round = 0; round < ROUNDS; round += 1) {
    const processes = Array.from({ length: best.count }, startBare);
    await Promise.all(processes.map((bare) => bare.ask('load', { file, threads: best.threads, spinning: true })));
    await bareThroughput(processes, rows.slice(0, 64), best.batchTokens);
    results.bare.push((await bareThroughput(processes, rows, best.batchTokens)).textsPerSecond);
    for (const bare of processes) bare.stop();

    const embedder = await createEmbedder({ models: [model], startBulkAtOnce: true });
    await libraryThroughput(embedder, texts.slice(0, 64));
    results.library.push(await libraryThroughput(embedder, texts));
    await embedder.close();

    if (!arguments_['skip-http']) {
      const server = await startServe(variant);
      await httpThroughput(server.url, texts.slice(0, 64), 'float');
      results.http.push(await httpThroughput(server.url, texts, 'float'));
      results.httpBase64.push(await httpThroughput(server.url, texts, 'base64'));
      await server.stop();
    }
    if (!arguments_['skip-cli']) results.cli.push(await cliThroughput(folder, variant, texts));
    say(
      `  round ${round + 1}: ${Object.entries(results)
        .map(([name, list]) => `${name} ${list.at(-1)?.toFixed(1)}`)
        .join(', ')}`,
    );
  }

  say('  rt latency');
  const rt = { bare: [], library: [] };
  const bare = startBare();
  await bare.ask('load', { file, threads: CORES, spinning: false });
  await bare.ask('latency', { rows: queryRows.slice(0, 20), everyMs: 1 });
  const embedder = await createEmbedder({ models: [model], startBulkAtOnce: true });
  await rtLatencies(embedder, queries.slice(0, 20));
  const block = RT_CALLS / 4;
  for (let i = 0; i < 4; i += 1) {
    const part = { rows: queryRows.slice(i * block, (i + 1) * block), everyMs: RT_EVERY_MS };
    rt.bare.push(...(await bare.ask('latency', part)));
    rt.library.push(...(await rtLatencies(embedder, queries.slice(i * block, (i + 1) * block))));
  }
  bare.stop();
  const idle = rt.library;
  const alone = await underBulkLoad(embedder, texts, null);
  const loaded = await underBulkLoad(embedder, texts, queries.slice(0, RT_CALLS));
  await embedder.close();

  say('  rt latency with shared sessions');
  const shared = await createEmbedder({ models: [model], config: { sessions: 1 } });
  await rtLatencies(shared, queries.slice(0, 20));
  const sharedIdle = await rtLatencies(shared, queries.slice(0, RT_CALLS));
  const sharedAlone = await underBulkLoad(shared, texts, null);
  const sharedLoaded = await underBulkLoad(shared, texts, queries.slice(0, RT_CALLS));
  await shared.close();

  return { variant, best, results, rtBare: rt.bare, idle, alone, loaded, sharedIdle, sharedAlone, sharedLoaded };
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
  for (const {
    variant,
    best,
    results,
    rtBare,
    idle,
    alone,
    loaded,
    sharedIdle,
    sharedAlone,
    sharedLoaded,
  } of measured) {
    const names = {
      bare: `bare onnxruntime-node (${best.count} × ${best.threads} threads, ${best.batchTokens} tokens)`,
      library: 'library, profile bulk',
      http: 'HTTP /v1/embed, 8 clients × 64 texts, JSON',
      httpBase64: 'HTTP /v1/embed, 8 clients × 64 texts, base64',
      cli: 'embedq embed --file, start included',
    };
    for (const [name, list] of Object.entries(results)) {
      if (list.length === 0) continue;
      const ratios = list.map((value, round) => value / results.bare[round]);
      throughput.push([variant, names[name], median(list).toFixed(1), median(ratios).toFixed(3)]);
    }
    const row = (name, list, base) => [
      variant,
      name,
      median(list).toFixed(2),
      percentile(list, 0.99).toFixed(2),
      base === null ? '' : `+${(median(list) - median(base)).toFixed(2)} ms p50`,
    ];
    latency.push(row('bare run', rtBare, null));
    latency.push(row('library, idle', idle, rtBare));
    const ratio = (list, base) => `${(percentile(list, 0.99) / percentile(base, 0.99)).toFixed(2)} × idle p99`;
    latency.push([...row('library, full bulk load', loaded.rt, null).slice(0, 4), ratio(loaded.rt, idle)]);
    latency.push(row('shared session, idle', sharedIdle, null));
    const more = percentile(sharedLoaded.rt, 0.99) - percentile(sharedIdle, 0.99);
    latency.push([
      ...row('shared session, full bulk load', sharedLoaded.rt, null).slice(0, 4),
      `idle p99 + ${more.toFixed(1)} ms`,
    ]);
    lanes.push([
      variant,
      'pools',
      alone.bulk.toFixed(1),
      loaded.bulk.toFixed(1),
      (loaded.bulk / alone.bulk).toFixed(3),
    ]);
    const kept = (sharedLoaded.bulk / sharedAlone.bulk).toFixed(3);
    lanes.push([variant, 'shared', sharedAlone.bulk.toFixed(1), sharedLoaded.bulk.toFixed(1), kept]);
  }
  console.log(
    `${os.cpus()[0]?.model.trim()}, ${CORES} cores, Node ${process.version}, ${TEXTS} texts, ${ROUNDS} rounds`,
  );
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
