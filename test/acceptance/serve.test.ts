// `embedq serve` as an operator runs it: the compiled program with the bundled model, seen from outside.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { childrenOf, isRunning } from '../support/processes.js';

const PROGRAM = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

type Served = ChildProcessByStdio<null, Readable, Readable>;

interface LogLine {
  readonly msg?: string;
  readonly url?: string;
  readonly status?: number;
}

const running = new Set<Served>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts the server on a free port and collects its log. */
function serve(extraArgs: readonly string[] = []) {
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', ...extraArgs], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const ended = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  let stdout = '';
  child.stdout.on('data', (bytes) => {
    stdout += String(bytes);
  });
  const lines: string[] = [];
  const url = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (!line.startsWith('{')) return;
      const parsed: LogLine = JSON.parse(line);
      if (parsed.msg === 'serving') resolve(parsed.url ?? '');
    });
    ended.then(() => reject(new Error(`it ended before it served:\n${lines.join('\n')}`)));
  });
  // A test that expects the early end does not look at the address.
  url.catch(() => {});
  return { child, url, ended, lines, stdout: () => stdout };
}

function embed(url: string, texts: readonly string[]): Promise<Response> {
  return fetch(`${url}/v1/embed`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ texts, profile: 'bulk' }),
  });
}

describe('embedq serve', () => {
  it('serves the bundled model, answers what runs when SIGTERM comes, and leaves nothing behind', async () => {
    const { child, url, ended, lines, stdout } = serve();
    const base = await url;
    const health = (await (await fetch(`${base}/health`)).json()) as { status: string };
    expect(health.status).toBe('ok');
    const call = embed(
      base,
      Array.from({ length: 200 }, (_, index) => `text number ${index}`),
    );
    await untilBusy(base);
    const children = await childrenOf(child.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    child.kill('SIGTERM');
    const response = await call;
    expect(response.status).toBe(200);
    const body = (await response.json()) as { model_results: { dim: number; variant: string; vectors: number[][] }[] };
    expect(body.model_results[0]).toMatchObject({ dim: 384, variant: 'int8' });
    expect(body.model_results[0]?.vectors).toHaveLength(200);
    // A stop that was asked for and went well is no failure.
    expect(await ended).toBe(0);
    expect(lines.some((line) => line.includes('"stopped"'))).toBe(true);
    expect(stdout()).toBe('');
    expect(children.filter(({ pid }) => isRunning(pid))).toEqual([]);
  });

  it('exits at once at a second signal', async () => {
    const { child, url, ended } = serve();
    const base = await url;
    const cut = embed(
      base,
      Array.from({ length: 2048 }, (_, index) => `text number ${index} ${'and more words '.repeat(40)}`),
    );
    // The process goes before it has answered; the call must fail, not hang.
    const failed = cut.then(
      (response) => response.ok,
      () => false,
    );
    await untilBusy(base);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await ended).toBeGreaterThan(128);
    expect(await failed).toBe(false);
  });

  it('says in one line that a port is taken', async () => {
    const first = serve();
    const port = new URL(await first.url).port;
    const second = spawn(process.execPath, [PROGRAM, 'serve', '--port', port], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    second.stderr.on('data', (bytes) => {
      stderr += String(bytes);
    });
    const [code] = await once(second, 'exit');
    expect(code).toBe(1);
    expect(stderr).toContain(`Cannot listen on 127.0.0.1, port ${port}: another process listens there.`);
    first.child.kill('SIGTERM');
    await first.ended;
  });

  it('refuses a port that is none', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '70000'], { stdio: 'ignore' });
    expect((await once(child, 'exit'))[0]).toBe(2);
  });
});

interface HealthLanes {
  readonly models: readonly {
    readonly lanes: { readonly bulk: { readonly waiting_texts: number; readonly running_batches: number } };
    readonly last_batch: object | null;
  }[];
}

/** Until bulk work waits, runs, or is done already. */
async function untilBusy(base: string): Promise<void> {
  for (;;) {
    const { models } = (await (await fetch(`${base}/health`)).json()) as HealthLanes;
    if (models.some(({ lanes: { bulk }, last_batch }) => bulk.waiting_texts + bulk.running_batches > 0 || last_batch))
      return;
  }
}
