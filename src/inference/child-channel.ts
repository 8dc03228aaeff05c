// The inference child's end of the pipe. It reads and writes synchronously: a child has nothing to do between two
// batches, and a read that blocks wakes sooner than an event loop.
import { readSync, writeSync } from 'node:fs';
import { decodeHeader, FRAME_HEADER_BYTES, type Frame } from './frames.js';

export interface ChildChannel {
  /** The next frame; null: the supervisor is gone. Blocks until there is one. */
  read(): Frame | null;
  write(frame: Uint8Array): void;
}

export function openChildChannel(fileDescriptor: number): ChildChannel {
  /** False where the pipe ended before the buffer was full. */
  const fill = (buffer: Uint8Array): boolean => {
    for (let at = 0; at < buffer.length; ) {
      const bytes = retry(() => readSync(fileDescriptor, buffer, at, buffer.length - at, null));
      if (bytes === 0) return false;
      at += bytes;
    }
    return true;
  };
  return {
    read() {
      const header = new Uint8Array(FRAME_HEADER_BYTES);
      if (!fill(header)) return null;
      const { payloadBytes, kind } = decodeHeader(new DataView(header.buffer));
      const payload = new Uint8Array(new ArrayBuffer(payloadBytes));
      return fill(payload) ? { kind, payload: payload.buffer } : null;
    },
    write(frame) {
      for (let at = 0; at < frame.length; ) {
        const bytes = retry(() => writeSync(fileDescriptor, frame, at, frame.length - at));
        // Nobody will read the rest; the next read says so too.
        if (bytes === 0) return;
        at += bytes;
      }
    },
  };
}

const SUPERVISOR_GONE = ['ECONNRESET', 'EPIPE'];

/** A signal may interrupt a call that blocks; it is made again. A supervisor that is gone counts as 0 bytes. */
function retry(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (SUPERVISOR_GONE.includes(code)) return 0;
      if (code !== 'EINTR') throw error;
    }
  }
}
