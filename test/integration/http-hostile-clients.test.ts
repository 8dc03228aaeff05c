// Clients that send too much or too slowly: they are cut off, and the server holds no more than a body's limit.
import { once } from 'node:events';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';
import { readAnswer, startGateway, type TestGateway } from '../support/gateway.js';

const MAX_BODY_BYTES = 1_048_576;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway(createFakeEmbedder({ limits: { maxBodyBytes: MAX_BODY_BYTES } }));
});

afterAll(() => gateway.close());

describe('a body of 100 MB', () => {
  const hundredMb = 100_000_000;

  it('is refused by its Content-Length before it is read', async () => {
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write(
      `POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${hundredMb}\r\n\r\n{`,
    );
    const [first] = await once(socket, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 413 /);
    expect(String(first)).toContain(`The body has ${hundredMb} bytes, limit ${MAX_BODY_BYTES}.`);
    socket.destroy();
  });

  it('reaches a client that sends all of it as a 413', async () => {
    const response = await gateway.post('/v1/embed', Buffer.alloc(hundredMb, 0x20));
    expect(response.status).toBe(413);
    expect((await readAnswer(response)).code).toBe('E_BODY_TOO_LARGE');
  });

  it('is cut off while it is streamed without a length, and is never held in memory', async () => {
    const socket = connect(gateway.port, '127.0.0.1');
    const answer = readText(socket);
    socket.write(
      'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
    );
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')]);
    let sent = 0;
    const before = process.memoryUsage().arrayBuffers;
    let peak = before;
    while (sent < hundredMb && socket.writable) {
      sent += chunk.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*body_too_large/);
    // Half of the body leaves room for read buffers that are garbage but not collected yet.
    expect(peak - before).toBeLessThan(hundredMb / 2);
  });

  it('is not asked for where the client asks first (Expect: 100-continue)', async () => {
    const ask = (length: number) =>
      `POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
    const refused = connect(gateway.port, '127.0.0.1');
    refused.write(ask(hundredMb));
    expect(String((await once(refused, 'data'))[0])).toMatch(/^HTTP\/1\.1 413 /);
    refused.destroy();
    const welcome = connect(gateway.port, '127.0.0.1');
    welcome.write(ask(15));
    expect(String((await once(welcome, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 /);
    welcome.write('{"texts":["x"]}');
    expect(String((await once(welcome, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    welcome.destroy();
  });
});

describe('slow clients', () => {
  it('are ended after the headers timeout and after the request timeout', async () => {
    const impatient = await startGateway(createFakeEmbedder(), {
      timeouts: { headersMs: 100, requestMs: 200 },
    });
    const slowHeaders = connect(impatient.port, '127.0.0.1');
    slowHeaders.write('GET /health HTTP/1.1\r\nhost: x\r\n');
    const slowBody = connect(impatient.port, '127.0.0.1');
    slowBody.write(
      'POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    for (const answer of await Promise.all([readText(slowHeaders), readText(slowBody)])) {
      expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*E_REQUEST_TIMEOUT/);
    }
    await impatient.close();
  });
});
