// An inference child that computes like every other, but ends itself with SIGKILL, in the middle of a batch, when
// that holds a row of exactly DEADLY_LENGTH tokens: a text that crashes the runtime, made to order.
import { openChildChannel } from '../../dist/inference/child-channel.js';
import { decodeRun, FRAME_KINDS } from '../../dist/inference/frames.js';
import { serveBatches } from '../../dist/inference/serve-batches.js';

export const DEADLY_LENGTH = 13;

function isDeadly(frame) {
  return (
    frame?.kind === FRAME_KINDS.run && decodeRun(frame.payload).rows.some(({ ids }) => ids.length === DEADLY_LENGTH)
  );
}

// Tests import the constant; only a process that was started as a child serves.
if (process.argv[1]?.endsWith('dying-child.mjs')) {
  const channel = openChildChannel(3);
  await serveBatches({
    read() {
      const frame = channel.read();
      if (isDeadly(frame)) process.kill(process.pid, 'SIGKILL');
      return frame;
    },
    write: (frame) => channel.write(frame),
  });
  process.exit(0);
}
