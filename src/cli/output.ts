// Where results go: stdout, or a file that appears under its name only when it is whole. Both push back on whoever
// writes faster than they take.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../errors.js';
import { writeProblem } from './file-problem.js';
import type { Interruption } from './interruption.js';

export interface Output {
  /** Resolves when the chunk is taken, so that awaiting it is the backpressure. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Replaces bytes written before. Null where the output only goes forward, as a pipe does. */
  readonly overwrite: ((position: number, bytes: Uint8Array) => Promise<void>) | null;
  /** Makes the result whole and visible. */
  finish(): Promise<void>;
  /** Leaves nothing behind. Does nothing after `finish`. */
  discard(): Promise<void>;
}

/** A file takes this much at once; single rows would cost a system call each. */
const FILE_BUFFER_BYTES = 1024 * 1024;

/** Resolves when the stream took the text; rejects with EPIPE where its reader is gone. */
export function writeText(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** True for what a write says when the reader at the other end of a pipe is gone. */
export function isReaderGone(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED';
}

export function stdoutOutput(stream: NodeJS.WritableStream = process.stdout): Output {
  return {
    async write(chunk) {
      if (chunk.length === 0) return;
      try {
        await writeText(stream, chunk);
      } catch (error) {
        throw isReaderGone(error) ? error : unwritable('stdout', error);
      }
    },
    overwrite: null,
    async finish() {},
    async discard() {},
  };
}

/**
 * Writes beside the file under a temporary name; `finish` syncs it to the disk and gives it its name. What stood
 * there before stays until then. Something that is no regular file (/dev/null, a named pipe) is written as it is.
 * @throws E_FILE_UNWRITABLE
 */
export async function fileOutput(file: string, interruption: Pick<Interruption, 'onSuddenExit'>): Promise<Output> {
  try {
    const target = await lookAt(file);
    if (target.kind === 'device') return new FileOutput(file, await open(file, 'w'), null);
    const temporary = path.join(
      path.dirname(target.file),
      `.${path.basename(target.file)}.${process.pid}.${randomBytes(3).toString('hex')}.tmp`,
    );
    const handle = await open(temporary, 'wx', target.mode ?? 0o666);
    const forget = interruption.onSuddenExit(() => rmSync(temporary, { force: true }));
    return new FileOutput(file, handle, { temporary, target: target.file, forget });
  } catch (error) {
    throw unwritable(file, error);
  }
}

type Target = { kind: 'device' } | { kind: 'file'; file: string; mode: number | null };

async function lookAt(file: string): Promise<Target> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { kind: 'file', file: path.resolve(file), mode: null };
    throw error;
  }
  if (found.isDirectory()) throw new Error('it is a folder');
  if (!found.isFile()) return { kind: 'device' };
  // Behind a symbolic link it is the file that is replaced, not the link.
  return { kind: 'file', file: await realpath(file), mode: found.mode & 0o777 };
}

interface Replacement {
  readonly temporary: string;
  readonly target: string;
  /** Takes back the removal at a sudden exit. */
  readonly forget: () => void;
}

class FileOutput implements Output {
  readonly overwrite: Output['overwrite'];
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #open = true;

  constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private readonly replacement: Replacement | null,
  ) {
    this.overwrite = replacement === null ? null : (position, bytes) => this.#overwrite(position, bytes);
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    // A copy: the caller's bytes may be a view of a buffer that is used again.
    const bytes = Buffer.from(chunk);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= FILE_BUFFER_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    if (!this.#open) return;
    await this.#flush();
    try {
      if (this.replacement !== null) await this.handle.sync();
      this.#open = false;
      await this.handle.close();
      if (this.replacement !== null) {
        await rename(this.replacement.temporary, this.replacement.target);
        this.replacement.forget();
      }
    } catch (error) {
      throw unwritable(this.file, error);
    }
  }

  async discard(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      await this.handle.close();
    }
    // After finish() there is no such file any more.
    if (this.replacement !== null) {
      await rm(this.replacement.temporary, { force: true });
      this.replacement.forget();
    }
  }

  async #flush(): Promise<void> {
    const chunk = Buffer.concat(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      await this.handle.writeFile(chunk);
    } catch (error) {
      throw unwritable(this.file, error);
    }
  }

  async #overwrite(position: number, bytes: Uint8Array): Promise<void> {
    await this.#flush();
    try {
      await this.handle.write(bytes, 0, bytes.length, position);
    } catch (error) {
      throw unwritable(this.file, error);
    }
  }
}

function unwritable(file: string, error: unknown) {
  return fail('E_FILE_UNWRITABLE', { file, problem: writeProblem(file, error) }, { cause: error });
}
