// Runs the built program `embedq` as a user would: another process, judged by its output and exit code alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export const CLI = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

export interface CliRun {
  /** The exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSettings {
  readonly stdin?: string;
  /** On top of this process's own, without any setting of embedq. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export function startCli(args: readonly string[], { env = {}, cwd }: CliSettings = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(EMB_|BATCH_|MODELS_|LOCAL_|USE_|S3_|LOG_)/.test(name),
  );
  return spawn(process.execPath, [CLI, ...args], { cwd, env: { ...Object.fromEntries(inherited), ...env } });
}

export async function runCli(args: readonly string[], settings: CliSettings = {}): Promise<CliRun> {
  const child = startCli(args, settings);
  child.stdin?.end(settings.stdin ?? '');
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  await closed;
  return { code: child.exitCode, stdout, stderr };
}

async function read(stream: ChildProcess['stdout']): Promise<string> {
  return stream === null ? '' : text(stream);
}
