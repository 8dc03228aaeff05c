// Whether the output of a command would replace its own input, under whatever names the two go.
import { fstatSync, statSync } from 'node:fs';

const STDIN_DESCRIPTOR = 0;

/**
 * True where both are one regular file: same device and inode, so also through links. `-` as input is stdin, which
 * may be a redirected file. Devices and pipes are never replaced and never the same.
 */
export function isSameFile(input: string, output: string): boolean {
  try {
    const from = input === '-' ? fstatSync(STDIN_DESCRIPTOR, { bigint: true }) : statSync(input, { bigint: true });
    const to = statSync(output, { bigint: true });
    return from.isFile() && from.dev === to.dev && from.ino === to.ino;
  } catch {
    // Not there, or not to be looked at: opening it says so, better than this could.
    return false;
  }
}
