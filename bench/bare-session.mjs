// A process with nothing in it but onnxruntime-node: what the others are measured against. It takes rows that are
// tokenised already, sorts them by length, cuts batches of a number of padded tokens, builds all inputs beforehand,
// and then times session.run alone: no pooling, no queue, no answer.
import * as ort from 'onnxruntime-node';

let session = null;

function inputsOf(rows) {
  const longest = Math.max(...rows.map((row) => row.length));
  const dims = [rows.length, longest];
  const ids = new BigInt64Array(rows.length * longest);
  const mask = new BigInt64Array(rows.length * longest);
  rows.forEach((row, r) => {
    row.forEach((id, i) => {
      ids[r * longest + i] = BigInt(id);
      mask[r * longest + i] = 1n;
    });
  });
  const all = {
    input_ids: new ort.Tensor('int64', ids, dims),
    attention_mask: new ort.Tensor('int64', mask, dims),
    token_type_ids: new ort.Tensor('int64', new BigInt64Array(ids.length), dims),
  };
  return Object.fromEntries(session.inputNames.map((name) => [name, all[name]]));
}

function cutBatches(rows, batchTokens) {
  const batches = [];
  let batch = [];
  for (const row of [...rows].sort((a, b) => b.length - a.length)) {
    const longest = batch[0]?.length ?? row.length;
    if (batch.length > 0 && (batch.length + 1) * longest > batchTokens) {
      batches.push(batch);
      batch = [];
    }
    batch.push(row);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

const handlers = {
  async load({ file, threads, spinning, spinDurationUs }) {
    await session?.release();
    session = await ort.InferenceSession.create(file, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableMemPattern: false,
      extra: {
        session: {
          intra_op: {
            allow_spinning: spinning ? '1' : '0',
            ...(spinDurationUs === undefined ? {} : { spin_duration_us: String(spinDurationUs) }),
          },
        },
      },
    });
  },
  /** Milliseconds for all rows. */
  async throughput({ rows, batchTokens }) {
    const feeds = cutBatches(rows, batchTokens).map(inputsOf);
    const startedAtMs = performance.now();
    for (const feed of feeds) (await session.run(feed))[session.outputNames[0]].dispose();
    return performance.now() - startedAtMs;
  },
  /** Milliseconds of each row alone, one every `everyMs`. */
  async latency({ rows, everyMs }) {
    const feeds = rows.map((row) => inputsOf([row]));
    const latenciesMs = [];
    for (const feed of feeds) {
      const startedAtMs = performance.now();
      (await session.run(feed))[session.outputNames[0]].dispose();
      latenciesMs.push(performance.now() - startedAtMs);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    return latenciesMs;
  },
};

process.on('message', async ({ id, name, argument }) => {
  process.send({ id, result: await handlers[name](argument) });
});
process.once('disconnect', () => process.exit(0));
