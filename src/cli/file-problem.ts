// What the operating system says about a file, in plain words: no error numbers, no temporary names.
import path from 'node:path';

const PROBLEMS: Readonly<Record<string, (file: string) => string>> = {
  ENOENT: (file) => `the folder ${path.dirname(file)} does not exist`,
  ENOTDIR: (file) => `${path.dirname(file)} is not a folder`,
  EISDIR: () => 'it is a folder',
  EACCES: () => 'no permission',
  EPERM: () => 'no permission',
  EROFS: () => 'the file system is read-only',
  ENOSPC: () => 'no space left on the device',
  EDQUOT: () => 'the disk quota is used up',
  EFBIG: () => 'it would be larger than the file system allows',
  ENAMETOOLONG: () => 'the name is too long',
  ELOOP: () => 'its symbolic links form a loop',
  EIO: () => 'the device failed',
  EMFILE: () => 'too many files are open',
  ENFILE: () => 'too many files are open',
};

/** Why `file` could not be written. What is not known here is told as Node tells it. */
export function writeProblem(file: string, error: unknown): string {
  const code = codeOf(error);
  return PROBLEMS[code]?.(file) ?? (error instanceof Error ? error.message : String(error));
}

/** Why `file` could not be read. */
export function readProblem(file: string, error: unknown): string {
  return codeOf(error) === 'ENOENT' ? 'it does not exist' : writeProblem(file, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
