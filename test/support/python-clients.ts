// A Python environment with the real OpenAI client from PyPI, made once and kept in .cache/.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const OPENAI_VERSION = '3.54.0';
const ROOT = path.resolve(import.meta.dirname, '../..');
const ENVIRONMENT = path.join(ROOT, '.cache', `python-openai-${OPENAI_VERSION}`);
const INSTALL_TIMEOUT_MS = 240_000;

export type PythonClients = { readonly python: string } | { readonly missing: string };

/**
 * Finds or makes the environment. Where Python or its package index cannot be had it says why, so that the tests
 * can be skipped by name; with CI set that is an error.
 */
export async function preparePythonClients(): Promise<PythonClients> {
  const python = path.join(ENVIRONMENT, 'bin', 'python');
  if (existsSync(python)) return { python };
  const half = `${ENVIRONMENT}.incomplete`;
  try {
    await mkdir(path.dirname(ENVIRONMENT), { recursive: true });
    await rm(half, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', half]);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `openai==${OPENAI_VERSION}`];
    await run(path.join(half, 'bin', 'python'), install, { timeout: INSTALL_TIMEOUT_MS });
    // Only pip's own scripts know the path; python finds its environment from where it stands.
    await rename(half, ENVIRONMENT);
    return { python };
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    const missing = `the Python client openai==${OPENAI_VERSION} could not be installed: ${reason}`;
    if (process.env['CI']) throw new Error(missing, { cause: error });
    return { missing };
  }
}

/** Runs a Python script with arguments and returns its stdout as JSON. */
export async function runPython(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, [script, ...args], { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}
