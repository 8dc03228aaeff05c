// Entry point of an inference child. It ends with its supervisor: when the channel closes there is nobody to
// compute for.
import { serveBatches } from '../inference/serve-batches.js';

// Ctrl-C reaches the whole process group; the supervisor decides when its children end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.once('disconnect', () => process.exit(0));
serveBatches(process);
