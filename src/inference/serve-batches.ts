// The inside of an inference child: loads one model, then answers batches, one at a time, in the order they come.
// It lives in a process of its own because onnxruntime-node's run() blocks the event loop it is called in.
import os from 'node:os';
import { toEmbedqError } from '../errors.js';
import type { FromChild, LoadRequest, RunRequest, ToChild } from './child-protocol.js';
import { GraphSession } from './graph-session.js';
import type { TokenRow } from './token-row.js';

/** The channel to the supervisor; `process` in a forked child. */
interface Channel {
  on(event: 'message', listener: (message: ToChild) => void): unknown;
  send?(message: FromChild): unknown;
}

/** Answers what comes over the channel until the process ends. */
export function serveBatches(channel: Channel): void {
  let session: GraphSession | null = null;
  // A batch that arrives while another runs waits here; the supervisor bounds how many it sends ahead.
  let previous: Promise<void> = Promise.resolve();

  const reply = (message: FromChild) => channel.send?.(message);

  const load = async (request: LoadRequest) => {
    // Before the session exists, so that the threads it makes inherit the niceness.
    if (request.niceness > 0) os.setPriority(0, request.niceness);
    try {
      session = await GraphSession.create(request.model, { threads: request.threads });
      reply({ kind: 'ready', residentBytes: process.memoryUsage.rss() });
    } catch (thrown) {
      const { code, details, message } = toEmbedqError(thrown);
      reply({ kind: 'load_failed', code, details, message });
    }
  };

  const run = async (request: RunRequest) => {
    const startedAtMs = performance.now();
    try {
      if (session === null) throw new Error('a batch came before a model was loaded');
      const vectors = await session.run(rowsOf(request));
      reply({ kind: 'vectors', batchId: request.batchId, vectors, computeMs: performance.now() - startedAtMs });
    } catch (thrown) {
      reply({ kind: 'run_failed', batchId: request.batchId, problem: (thrown as Error).message });
    }
  };

  channel.on('message', (message) => {
    previous = previous.then(() => (message.kind === 'load' ? load(message) : run(message)));
  });
}

function rowsOf(request: RunRequest): TokenRow[] {
  const rows: TokenRow[] = [];
  let start = 0;
  for (let row = 0; row < request.lengths.length; row += 1) {
    const length = request.lengths[row] ?? 0;
    rows.push({
      ids: request.ids.subarray(start, start + length),
      promptTokens: request.promptTokens?.[row] ?? 0,
      fullLength: length,
    });
    start += length;
  }
  return rows;
}
