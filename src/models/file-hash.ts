// SHA-256 of model files, streaming, so that a file of any size costs no memory.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface FileHash {
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** Hashes by path in the repository. */
export type FileHashes = Readonly<Record<string, FileHash>>;

const READ_BYTES = 1024 * 1024;

export async function hashFile(file: string): Promise<FileHash> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    // Cast: a stream without an encoding yields buffers.
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    hash.update(buffer);
  }
  return { bytes, sha256: hash.digest('hex') };
}
