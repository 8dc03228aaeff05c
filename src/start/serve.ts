// Starts the HTTP server: models first, then the port, so that whoever can connect can be served. Stops it in the
// reverse order: no new calls, running ones end, then the embedder.

import { isIPv6 } from 'node:net';
import { pino } from 'pino';
import { type Config, findUnknownVariables } from '../config.js';
import type { Embedder } from '../contracts/embedder.js';
import { type EmbedqError, fail } from '../errors.js';
import { buildApp } from '../gateway/app.js';
import { createEmbedder } from './embedder.js';
import { readVersion } from './version.js';

export interface ServeSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly config: Config;
  /** Default: one made from the configuration. The server closes it, also one that it was given. */
  readonly embedder?: Embedder;
  /** Default: JSON lines on stderr, from LOG_LEVEL on. */
  readonly logger?: pino.Logger;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly port: number;
  /** Idempotent. */
  close(): Promise<void>;
}

/** How long running calls may take to end once the server is told to stop; below the 30 s that Kubernetes gives. */
const SHUTDOWN_GRACE_MS = 25_000;
const STDERR = 2;

/** @throws E_LISTEN_FAILED, and whatever createEmbedder throws */
export async function startServer({ host, port, config, ...given }: ServeSettings): Promise<RunningServer> {
  // Synchronous, so that the last lines before an exit are not lost.
  const logger =
    given.logger ?? pino({ level: config.logLevel, base: null }, pino.destination({ dest: STDERR, sync: true }));
  for (const problem of findUnknownVariables()) logger.warn({}, problem);
  const { models, ...rest } = config;
  const embedder =
    given.embedder ?? (await createEmbedder({ models, config: rest, startBulkAtOnce: true, log: toLog(logger) }));
  const app = buildApp({
    embedder,
    logger,
    settings: { version: readVersion(), openaiTokenIds: config.openaiTokenIds },
  });
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    await embedder.close();
    throw listenError(host, port, error);
  }
  const address = app.server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${boundPort}`;
  logger.info({ url, models: embedder.models.map(({ alias }) => alias) }, 'serving');
  if (!isLoopback(host)) {
    logger.warn(
      { host },
      'listening beyond this machine WITHOUT any authentication: whoever reaches this port can use it. Put a proxy with access control before it, or use --host 127.0.0.1',
    );
  }

  let closing: Promise<void> | null = null;
  const stop = async () => {
    logger.info({ grace_ms: SHUTDOWN_GRACE_MS }, 'stopping: running calls end first');
    const force = setTimeout(() => app.server.closeAllConnections(), SHUTDOWN_GRACE_MS);
    try {
      await app.close();
    } finally {
      clearTimeout(force);
      await embedder.close();
    }
    logger.info({}, 'stopped');
  };
  return {
    url,
    port: boundPort,
    close() {
      closing ??= stop();
      return closing;
    },
  };
}

/** What embedq's parts log with, on pino. */
function toLog(logger: pino.Logger) {
  return {
    debug: (fields: object, message: string) => logger.debug(fields, message),
    info: (fields: object, message: string) => logger.info(fields, message),
    warn: (fields: object, message: string) => logger.warn(fields, message),
    error: (fields: object, message: string) => logger.error(fields, message),
  };
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EACCES: 'this user may not use that port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the host name is unknown',
};

function listenError(host: string, port: number, error: unknown): EmbedqError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return fail('E_LISTEN_FAILED', { host, port, problem: LISTEN_PROBLEMS[code] ?? message }, { cause: error });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
