// The inside of an inference child: loads one model, then answers batches, one at a time, in the order they come.
// It lives in a process of its own because onnxruntime-node's run() blocks the event loop it is called in.
import os from 'node:os';
import { toEmbedqError } from '../errors.js';
import type { ChildChannel } from './child-channel.js';
import type { LoadFailedReply, LoadRequest, RunFailedReply } from './child-protocol.js';
import { decodeRun, decodeValue, encodeValue, encodeVectors, FRAME_KINDS } from './frames.js';
import { GraphSession } from './graph-session.js';

/** Settles when the supervisor is gone. */
export async function serveBatches(channel: ChildChannel): Promise<void> {
  let session: GraphSession | null = null;
  for (let frame = channel.read(); frame !== null; frame = channel.read()) {
    if (frame.kind === FRAME_KINDS.load) {
      const loaded = await load(decodeValue<LoadRequest>(frame.payload));
      if (loaded instanceof GraphSession) {
        session = loaded;
        channel.write(encodeValue(FRAME_KINDS.ready, null));
      } else {
        channel.write(encodeValue(FRAME_KINDS.loadFailed, loaded));
      }
    } else {
      channel.write(await run(session, frame.payload));
    }
  }
}

async function load({ model, threads, niceness }: LoadRequest): Promise<GraphSession | LoadFailedReply> {
  // Before the session exists, so that the threads it makes inherit the niceness.
  if (niceness > 0) os.setPriority(0, niceness);
  try {
    return await GraphSession.create(model, { threads });
  } catch (thrown) {
    const { code, details, message } = toEmbedqError(thrown);
    return { code, details, message };
  }
}

async function run(session: GraphSession | null, payload: ArrayBuffer): Promise<Uint8Array> {
  const startedAtMs = performance.now();
  const { batchId, rows } = decodeRun(payload);
  try {
    if (session === null) throw new Error('a batch came before a model was loaded');
    const vectors = await session.run(rows);
    return encodeVectors(batchId, performance.now() - startedAtMs, vectors);
  } catch (thrown) {
    const failed: RunFailedReply = { batchId, problem: (thrown as Error).message };
    return encodeValue(FRAME_KINDS.runFailed, failed);
  }
}
