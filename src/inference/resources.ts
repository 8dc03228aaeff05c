// What the machine really gives: cores and memory, container limits included. Node 20's availableParallelism does
// not see a cgroup's CPU quota, and os.freemem does not see its memory limit.
import { readFile } from 'node:fs/promises';
import os from 'node:os';

const CGROUP_ROOT = '/sys/fs/cgroup';
const MIB = 1024 * 1024;

async function readText(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    // Absent on other systems, other cgroup versions and where /sys is hidden: then there is no limit to read.
    return null;
  }
}

/** The folders of this process's cgroup (version 2), from the innermost out. */
async function cgroupFolders(): Promise<string[]> {
  const own = (await readText('/proc/self/cgroup'))?.split('\n').find((line) => line.startsWith('0::'));
  const parts = (own?.slice(3) ?? '/').split('/').filter((part) => part !== '' && part !== '..');
  return [...parts.keys(), parts.length].map((depth) => [CGROUP_ROOT, ...parts.slice(0, depth)].join('/')).reverse();
}

/** CPU quota in cores (`cpu.max`, or cgroup v1's `cpu.cfs_quota_us`); Infinity where there is none. */
async function quotaCores(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (const folder of await cgroupFolders()) {
    const [quotaUs, periodUs] = ((await readText(`${folder}/cpu.max`)) ?? 'max').split(' ');
    if (quotaUs !== 'max' && periodUs !== undefined) least = Math.min(least, Number(quotaUs) / Number(periodUs));
  }
  const quotaUs = Number((await readText(`${CGROUP_ROOT}/cpu/cpu.cfs_quota_us`)) ?? '-1');
  const periodUs = Number((await readText(`${CGROUP_ROOT}/cpu/cpu.cfs_period_us`)) ?? '0');
  if (quotaUs > 0 && periodUs > 0) least = Math.min(least, quotaUs / periodUs);
  return least;
}

/** Cores that this process may keep busy, at least 1. */
export async function usableCores(): Promise<number> {
  return Math.max(1, Math.floor(Math.min(os.availableParallelism(), await quotaCores())));
}

/** Memory in MiB that could be taken now: what the kernel calls available, less where a cgroup's limit is nearer. */
export async function availableMemoryMiB(): Promise<number> {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec((await readText('/proc/meminfo')) ?? '')?.[1];
  let leastBytes = available === undefined ? os.freemem() : Number(available) * 1024;
  for (const folder of await cgroupFolders()) {
    const limit = await readText(`${folder}/memory.max`);
    const used = await readText(`${folder}/memory.current`);
    if (limit !== null && limit !== 'max' && used !== null) {
      leastBytes = Math.min(leastBytes, Number(limit) - Number(used));
    }
  }
  return Math.max(0, Math.floor(leastBytes / MIB));
}

/** Names the processor, so that what was measured on another one is not used here. */
export function processorName(): string {
  return `${os.arch()} ${os.cpus()[0]?.model.trim() ?? 'unknown'}`;
}
