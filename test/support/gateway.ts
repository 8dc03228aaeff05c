// A gateway on a real port for tests: over the fake embedder unless a test brings another.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Embedder } from '../../src/contracts/embedder.js';
import { buildApp } from '../../src/gateway/app.js';
import type { GatewaySettings } from '../../src/gateway/settings.js';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  /** The log so far, a parsed object a line. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves with the first log line that fits, also one that was written before. */
  logLine(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export async function startGateway(
  embedder: Embedder = createFakeEmbedder(),
  settings: Partial<GatewaySettings> = {},
): Promise<TestGateway> {
  const log: Record<string, unknown>[] = [];
  const waiting: {
    fits: (line: Record<string, unknown>) => boolean;
    resolve: (line: Record<string, unknown>) => void;
  }[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      const line: Record<string, unknown> = JSON.parse(String(chunk));
      log.push(line);
      for (const waiter of waiting) if (waiter.fits(line)) waiter.resolve(line);
      done();
    },
  });
  const app = buildApp({
    embedder,
    settings: { version: '0.0.0-test', openaiTokenIds: 'refuse', ...settings },
    logger: pino({ level: 'debug', base: null }, stream),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    port: Number(new URL(url).port),
    log,
    logLine(fits) {
      const found = log.find(fits);
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve) => waiting.push({ fits, resolve }));
    },
    post: (path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    close: () => app.close(),
  };
}

/** Every field that an answer of some route may have; tests look at those of the route they called. */
export interface AnswerBody {
  readonly object: string;
  readonly data: readonly AnswerItem[];
  readonly model: string;
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
  readonly request_id: string;
  readonly used_profile: string;
  readonly model_results: readonly { readonly model: string; readonly vectors: readonly number[][] }[];
  readonly errors: readonly unknown[];
  readonly vectors: readonly number[][];
  readonly code: string;
  readonly message: string;
  readonly docs: string;
  readonly status: string;
  readonly id: string;
  readonly routes: readonly string[];
}

interface AnswerItem {
  readonly index: number;
  readonly id: string;
  readonly created: number;
  readonly embedding: number[];
}

/** The answer's JSON, typed as what the tests expect of it: they check what they read. */
export async function readAnswer(response: Response): Promise<AnswerBody> {
  return (await response.json()) as AnswerBody;
}
