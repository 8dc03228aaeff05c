// An inference child that computes like every other, but ends itself with SIGKILL, in the middle of a batch, when
// that holds a row of exactly DEADLY_LENGTH tokens: a text that crashes the runtime, made to order.
import { serveBatches } from '../../dist/inference/serve-batches.js';

export const DEADLY_LENGTH = 13;

const channel = {
  on(event, listener) {
    process.on(event, (message) => {
      if (message.kind === 'run' && message.lengths.includes(DEADLY_LENGTH)) {
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1);
        return;
      }
      listener(message);
    });
  },
  send: (message) => process.send(message),
};

process.once('disconnect', () => process.exit(0));
serveBatches(channel);
