// Entry point of an inference child. It ends with its supervisor: when the pipe closes there is nobody to compute
// for.
import { openChildChannel } from '../inference/child-channel.js';
import { serveBatches } from '../inference/serve-batches.js';

/** The supervisor puts the pipe here, after stdin, stdout and stderr. */
const PIPE_FILE_DESCRIPTOR = 3;

// Ctrl-C reaches the whole process group; the supervisor decides when its children end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
await serveBatches(openChildChannel(PIPE_FILE_DESCRIPTOR));
process.exit(0);
