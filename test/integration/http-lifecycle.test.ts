// What happens around a request: the client that leaves, the lane that is full, the server that stops.
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.js';
import type { EmbedOptions } from '../../src/contracts/embedding.js';
import { fail } from '../../src/errors.js';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';
import { startServer } from '../../src/start/serve.js';
import { readAnswer, startGateway } from '../support/gateway.js';

const QUIET = pino({ level: 'silent' });

/** An embedder whose calls wait until the test lets them go on, or until they are cancelled. */
function gatedEmbedder() {
  const gate = new EventEmitter();
  const arrived = once(gate, 'arrived').then(([options]) => options as EmbedOptions);
  const released = once(gate, 'release');
  const embedder = createFakeEmbedder({
    async beforeAnswer(_texts, options) {
      gate.emit('arrived', options);
      const { signal } = options;
      await Promise.race([released, ...(signal === undefined ? [] : [once(signal, 'abort')])]);
    },
  });
  return { embedder, arrived, release: () => gate.emit('release') };
}

describe('a client that goes away', () => {
  it.each(['/v1/embed', '/v1/embeddings', '/embed'])('in mid-request on %s has its work cancelled', async (path) => {
    const { embedder, arrived } = gatedEmbedder();
    const gateway = await startGateway(embedder);
    const leaving = new AbortController();
    const body = { '/v1/embed': { texts: ['x'] }, '/embed': { inputs: 'x' } }[path] ?? { model: 'fake', input: 'x' };
    const call = fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'leaver' },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    const { signal } = await arrived;
    expect(signal?.aborted).toBe(false);
    leaving.abort();
    await expect(call).rejects.toThrow();
    if (!signal?.aborted) await once(signal ?? new EventTarget(), 'abort');
    const line = await gateway.logLine(({ request_id }) => request_id === 'leaver');
    expect(line).toMatchObject({ status: 499 });
    await gateway.close();
  });

  it('while its answer streams ends the stream, and the server goes on', async () => {
    const gateway = await startGateway();
    const socket = connect(gateway.port, '127.0.0.1');
    const body = JSON.stringify({ texts: Array.from({ length: 2048 }, (_, index) => `text ${index}`) });
    socket.write(
      `POST /v1/embed HTTP/1.1\r\nhost: x\r\nx-request-id: half\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(socket, 'data');
    socket.destroy();
    expect(await gateway.logLine(({ request_id }) => request_id === 'half')).toMatchObject({ status: 499 });
    expect((await gateway.post('/v1/embed', { texts: ['x'] })).status).toBe(200);
    expect(gateway.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    await gateway.close();
  });

  it('has not its work cancelled where it only sent its body to the end', async () => {
    const { embedder, arrived, release } = gatedEmbedder();
    const gateway = await startGateway(embedder);
    const call = gateway.post('/v1/embed', { texts: ['x'] });
    const { signal } = await arrived;
    // A turn of the server's sockets, in which a `close` of the request would have come.
    await fetch(`${gateway.url}/health/live`);
    expect(signal?.aborted).toBe(false);
    release();
    expect((await call).status).toBe(200);
    await gateway.close();
  });
});

describe('a full lane', () => {
  it.each(['/v1/embed', '/v1/embeddings'])('is a 429 on %s that says when to come back', async (path) => {
    const embedder = createFakeEmbedder({
      beforeAnswer() {
        const full = { waitingTexts: 9, limitTexts: 9, waitingTokens: 99, limitTokens: 100 };
        throw fail('E_OVERLOADED', { lane: 'rt', ...full, retryAfterMs: 1234.5 });
      },
    });
    const gateway = await startGateway(embedder);
    const body = path === '/v1/embed' ? { texts: ['x'] } : { model: 'fake', input: 'x' };
    const response = await gateway.post(path, body);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('retry-after-ms')).toBe('1235');
    const answer = await readAnswer(response);
    if (path === '/v1/embed') expect(answer.code).toBe('E_OVERLOADED');
    else expect(answer.error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    await gateway.close();
  });
});

describe("a stranger's error", () => {
  it('is a 500 that names it, and is logged with its stack', async () => {
    const embedder = createFakeEmbedder({
      beforeAnswer() {
        throw new TypeError('the roof is on fire');
      },
    });
    const gateway = await startGateway(embedder);
    const response = await gateway.post('/v1/embed', { texts: ['x'] });
    expect(response.status).toBe(500);
    expect((await readAnswer(response)).code).toBe('E_INTERNAL');
    const openAi = await gateway.post('/v1/embeddings', { model: 'fake', input: 'x' });
    expect(openAi.headers.get('x-should-retry')).toBe('false');
    expect((await readAnswer(openAi)).error.type).toBe('server_error');
    const line = await gateway.logLine(({ msg }) => msg === 'internal error');
    expect(JSON.stringify(line)).toContain('http-lifecycle.test');
    await gateway.close();
  });
});

describe('startServer', () => {
  const config = readConfig({});
  const where = { host: '127.0.0.1', port: 0, config, logger: QUIET };

  it('answers running calls before it closes, refuses new ones, then closes the embedder', async () => {
    const { embedder, arrived, release } = gatedEmbedder();
    const server = await startServer({ ...where, embedder });
    // A second connection, busy with a half-sent request while the server closes.
    const late = connect(server.port, '127.0.0.1');
    const body = '{"texts":["late"]}';
    await once(late, 'connect');
    const call = fetch(`${server.url}/v1/embed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"texts":["running"]}',
    });
    await arrived;
    late.write('POST /v1/embed HTTP/1.1\r\nhost: x\r\n');
    await fetch(`${server.url}/health/live`);
    const closed = server.close();
    expect(embedder.closed).toBe(0);
    late.write(`content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await readText(late)).toMatch(/^HTTP\/1\.1 503 [\s\S]*E_CLOSED/);
    expect(embedder.closed).toBe(0);
    release();
    const response = await call;
    expect(response.status).toBe(200);
    expect((await readAnswer(response)).model_results).toHaveLength(1);
    await closed;
    expect(embedder.closed).toBe(1);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    await server.close();
    expect(embedder.closed).toBe(1);
  });

  it('does not wait for connections on which nothing was ever sent', async () => {
    const server = await startServer({ ...where, embedder: createFakeEmbedder() });
    const silent = connect(server.port, '127.0.0.1');
    await once(silent, 'connect');
    // The server has accepted it once it has answered one that came later.
    await fetch(`${server.url}/health/live`);
    await Promise.all([once(silent, 'close'), server.close()]);
    expect(silent.destroyed).toBe(true);
  });

  it('says which port is taken, and closes the embedder', async () => {
    const first = await startServer({ ...where, embedder: createFakeEmbedder() });
    const embedder = createFakeEmbedder();
    await expect(startServer({ ...where, port: first.port, embedder })).rejects.toMatchObject({
      code: 'E_LISTEN_FAILED',
      message: `Cannot listen on 127.0.0.1, port ${first.port}: another process listens there.`,
    });
    expect(embedder.closed).toBe(1);
    await first.close();
  });

  it.each([
    ['0.0.0.0', true],
    ['127.0.0.1', false],
  ])('on %s warns that there is no authentication: %s', async (host, warns) => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
    const server = await startServer({ ...where, host, logger, embedder: createFakeEmbedder() });
    await server.close();
    expect(lines.some((line) => line.includes('WITHOUT any authentication'))).toBe(warns);
  });
});
