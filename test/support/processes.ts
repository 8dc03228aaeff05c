// What tests ask about other processes, of the operating system itself.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The direct children of a process that run now. */
export async function childrenOf(parentPid: number): Promise<{ pid: number; command: string }[]> {
  // ps ends with 1 where there are none.
  const { stdout } = await run('ps', ['-o', 'pid=,args=', '--ppid', String(parentPid)]).catch(() => ({ stdout: '' }));
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [pid = '', ...command] = line.trim().split(/\s+/);
    return { pid: Number(pid), command: command.join(' ') };
  });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
