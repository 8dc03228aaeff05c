// What the scheduler itself costs, and how much padding it leaves: lanes of several sizes filled with texts of
// realistic lengths, drained batch by batch, and kept full while it drains. Run `npm run build` first.
import { Scheduler } from '../dist/batching/scheduler.js';

/** Quantiles of the token counts of ordinary English texts, truncated at 256: short questions to long paragraphs. */
const LENGTH_QUANTILES = [
  [0, 3],
  [0.05, 9],
  [0.5, 51],
  [0.95, 228],
  [1, 256],
];

/** A small generator with a seed (mulberry32), so that runs compare. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function realisticLength(random) {
  const u = random();
  const upper = LENGTH_QUANTILES.findIndex(([quantile]) => quantile >= u);
  const [q1, length1] = LENGTH_QUANTILES[upper];
  const [q0, length0] = LENGTH_QUANTILES[Math.max(0, upper - 1)];
  return q1 === q0 ? length1 : Math.round(length0 + ((u - q0) / (q1 - q0)) * (length1 - length0));
}

function measure({ waiting, textsPerCall, targetBatchTokens, lengthOf, batches }) {
  const lane = {
    maxBatchTokens: 16_384,
    targetBatchTokens,
    maxWaitMs: 0,
    maxQueuedTexts: 10_000_000,
    maxQueuedTokens: 1_000_000_000,
  };
  const scheduler = new Scheduler({
    mode: 'pools',
    lanes: { rt: lane, bulk: lane },
    bulkSliceMs: 25,
    bulkAgeingMs: 200,
    now: () => performance.now(),
  });
  let ticket = null;
  let left = 0;
  let addNs = 0n;
  let added = 0;
  const add = () => {
    const started = process.hrtime.bigint();
    if (left === 0) {
      ticket = scheduler.admit({ lane: 'bulk', texts: textsPerCall, deadlineAtMs: null });
      left = textsPerCall;
    }
    scheduler.add(ticket, lengthOf(), null);
    left -= 1;
    addNs += process.hrtime.bigint() - started;
    added += 1;
  };
  while (added < waiting) add();
  let nextNs = 0n;
  let slowestNs = 0n;
  let texts = 0;
  let real = 0;
  let padded = 0;
  let given = 0;
  for (; batches === null || given < batches; given += 1) {
    const started = process.hrtime.bigint();
    const batch = scheduler.next('bulk');
    const tookNs = process.hrtime.bigint() - started;
    if (batch === null) break;
    nextNs += tookNs;
    if (tookNs > slowestNs) slowestNs = tookNs;
    scheduler.recordBatch(batch, 1);
    texts += batch.texts.length;
    padded += batch.paddedTokens;
    for (const text of batch.texts) real += text.tokens;
    if (batches !== null) for (let index = 0; index < batch.texts.length; index += 1) add();
  }
  return {
    waiting,
    'texts/call': textsPerCall,
    target: targetBatchTokens,
    kept: batches === null ? 'drained' : 'full',
    'add µs': Number((Number(addNs) / added / 1000).toFixed(2)),
    'next µs': Number((Number(nextNs) / given / 1000).toFixed(1)),
    'next µs max': Math.round(Number(slowestNs) / 1000),
    'texts/batch': Number((texts / given).toFixed(1)),
    'padding %': Number((100 * (1 - real / padded)).toFixed(2)),
  };
}

const random = randomFrom(1);
const ordinary = () => realisticLength(random);
const upTo8192 = () => 1 + Math.floor(random() * 8192);
measure({ waiting: 20_000, textsPerCall: 64, targetBatchTokens: 512, lengthOf: ordinary, batches: null });
console.table(
  [64, 256, 2_000, 65_536].flatMap((waiting) => [
    measure({ waiting, textsPerCall: 64, targetBatchTokens: 512, lengthOf: ordinary, batches: 5_000 }),
    measure({
      waiting,
      textsPerCall: Math.min(waiting, 2_048),
      targetBatchTokens: 512,
      lengthOf: ordinary,
      batches: null,
    }),
  ]),
);
console.table([
  measure({ waiting: 65_536, textsPerCall: 1, targetBatchTokens: 512, lengthOf: ordinary, batches: 5_000 }),
  measure({ waiting: 65_536, textsPerCall: 64, targetBatchTokens: 4_096, lengthOf: ordinary, batches: 5_000 }),
  measure({ waiting: 65_536, textsPerCall: 64, targetBatchTokens: 16_384, lengthOf: upTo8192, batches: 5_000 }),
]);
