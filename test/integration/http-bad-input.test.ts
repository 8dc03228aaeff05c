// Whatever a caller sends wrong is answered with a 4xx that says what is wrong, in the dialect of the route; no
// input makes a 500.
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';
import { readAnswer, startGateway, type TestGateway } from '../support/gateway.js';

const MAX_BODY_BYTES = 1_048_576;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway(createFakeEmbedder({ limits: { maxBodyBytes: MAX_BODY_BYTES } }));
});

afterAll(() => gateway.close());

const manyTexts = Array.from({ length: 2049 }, () => 'x');

describe("the service's own routes", () => {
  it.each<[string, string, unknown, number, string, RegExp]>([
    ['no texts', '/v1/embed', {}, 400, 'E_INVALID_REQUEST', /^texts: is required$/],
    [
      'texts that are a string',
      '/v1/embed',
      { texts: 'x' },
      400,
      'E_INVALID_REQUEST',
      /^texts: must be a list of strings, is a string$/,
    ],
    [
      'a text that is a number',
      '/v1/embed',
      { texts: ['a', 7] },
      400,
      'E_INVALID_REQUEST',
      /^texts\[1\]: must be a string, is a number$/,
    ],
    [
      'a text that is null',
      '/v1/embed',
      { texts: [null] },
      400,
      'E_INVALID_REQUEST',
      /^texts\[0\]: must be a string, is null$/,
    ],
    ['no text', '/v1/embed', { texts: [] }, 400, 'E_INVALID_REQUEST', /^texts: is an empty list/],
    [
      'too many texts',
      '/v1/embed',
      { texts: manyTexts },
      413,
      'E_TOO_MANY_TEXTS',
      /2049 texts in one call, limit 2048/,
    ],
    ['an unknown field', '/v1/embed', { texts: ['x'], tekst: 1 }, 400, 'E_INVALID_REQUEST', /supplied: tekst$/],
    [
      'an unknown profile',
      '/v1/embed',
      { texts: ['x'], profile: 'fast' },
      400,
      'E_INVALID_REQUEST',
      /^profile: must be "rt" or "bulk"$/,
    ],
    [
      'models that are a string',
      '/v1/embed',
      { texts: ['x'], models: 'fake' },
      400,
      'E_INVALID_REQUEST',
      /^models: must be a list of strings, is a string$/,
    ],
    ['no models', '/v1/embed', { texts: ['x'], models: [] }, 400, 'E_INVALID_REQUEST', /^models: is an empty list/],
    [
      'too many models',
      '/v1/embed',
      { texts: ['x'], models: manyTexts },
      400,
      'E_INVALID_REQUEST',
      /^models: has 2049 items, limit 64$/,
    ],
    [
      'an unknown model',
      '/v1/embed',
      { texts: ['x'], models: ['nobody'] },
      404,
      'E_MODEL_UNKNOWN',
      /"nobody".*fake, other/,
    ],
    [
      'an unknown prompt',
      '/v1/embed',
      { texts: ['x'], prompt_name: 'no' },
      400,
      'E_PROMPT_UNKNOWN',
      /"no".*query, passage/,
    ],
    [
      'no dimensions',
      '/v1/embed',
      { texts: ['x'], dimensions: 0 },
      400,
      'E_INVALID_REQUEST',
      /^dimensions: must be at least 1$/,
    ],
    [
      'half a dimension',
      '/v1/embed',
      { texts: ['x'], dimensions: 1.5 },
      400,
      'E_INVALID_REQUEST',
      /^dimensions: must be an integer/,
    ],
    ['too many dimensions', '/v1/embed', { texts: ['x'], dimensions: 65 }, 400, 'E_DIMENSIONS_INVALID', /65.*64/],
    [
      'a text too long, untruncated',
      '/v1/embed',
      { texts: ['w '.repeat(20)], truncate: false },
      413,
      'E_TEXT_TOO_LONG',
      /Text 0 has 22 tokens, limit 16/,
    ],
    [
      'a timeout of no time',
      '/v1/embed',
      { texts: ['x'], timeout_ms: 0 },
      400,
      'E_INVALID_REQUEST',
      /^timeout_ms: must be more than 0$/,
    ],
    [
      'truncate that is a string',
      '/v1/embed',
      { texts: ['x'], truncate: 'no' },
      400,
      'E_INVALID_REQUEST',
      /^truncate: must be true or false, is a string$/,
    ],
    ['a list', '/v1/embed', [], 400, 'E_INVALID_REQUEST', /^The body must be a JSON object, is a list\.$/],
    ['null', '/v1/embed', 'null', 400, 'E_INVALID_REQUEST', /JSON object/],
    ['malformed JSON', '/v1/embed', '{"texts": ["x"', 400, 'E_MALFORMED_JSON', /not valid JSON: ./],
    ['an empty body', '/v1/embed', '', 400, 'E_MALFORMED_JSON', /it is empty/],
    ['a prototype key', '/v1/embed', '{"texts":["x"],"__proto__":{"a":1}}', 400, 'E_MALFORMED_JSON', /__proto__/],
    ['invalid UTF-8', '/v1/embed', Buffer.from('{"texts":["\xff"]}', 'latin1'), 400, 'E_MALFORMED_JSON', /UTF-8/],
    [
      'JSON half a megabyte deep',
      '/v1/embed',
      '['.repeat(250_000) + ']'.repeat(250_000),
      400,
      'E_INVALID_REQUEST',
      /JSON object/,
    ],
    [
      'deep JSON in a field',
      '/v1/embed',
      `{"texts":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      400,
      'E_INVALID_REQUEST',
      /texts\[0\]/,
    ],
    [
      'half a million wrong texts',
      '/v1/embed',
      `{"texts":[${'0,'.repeat(500_000)}0]}`,
      400,
      'E_INVALID_REQUEST',
      /^texts\[0\]/,
    ],
    [
      'inputs that are a number',
      '/embed',
      { inputs: 5 },
      400,
      'E_INVALID_REQUEST',
      /^inputs: must be a list of strings, is a number$/,
    ],
    ['no inputs', '/embed', { inputs: [] }, 400, 'E_INVALID_REQUEST', /^inputs: is an empty list/],
    ['an unknown field', '/embed', { inputs: 'x', normalize: true }, 400, 'E_INVALID_REQUEST', /normalize/],
    ['a text that fails alone', '/embed', { inputs: ['a', 'POISON'] }, 422, 'E_TEXT_POISON', /Text 1/],
    ['an unknown route', '/v2/embed', {}, 404, 'E_NOT_FOUND', /There is no POST \/v2\/embed/],
    ['a wrong method', '/info', {}, 405, 'E_METHOD_NOT_ALLOWED', /takes GET/],
  ])('refuse %s (%s)', async (_, path, body, status, code, message) => {
    const response = await gateway.post(path, body);
    expect(response.status).toBe(status);
    const answer = await readAnswer(response);
    expect(Object.keys(answer)).toEqual(['code', 'message', 'docs', 'request_id']);
    expect(answer.code).toBe(code);
    expect(answer.message).toMatch(message);
    expect(answer.docs).toBe(`docs/reference/errors.md#${code.toLowerCase()}`);
    expect(answer.request_id).toBe(response.headers.get('x-request-id'));
  });

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['nonsense', 415],
    ['application/json; charset=utf-8', 200],
  ])('answer content type %s with %i', async (contentType, status) => {
    const response = await gateway.post('/v1/embed', '{"texts":["x"]}', { 'content-type': contentType });
    expect(response.status).toBe(status);
    if (status === 415) expect((await readAnswer(response)).code).toBe('E_UNSUPPORTED_MEDIA_TYPE');
  });

  it('refuse a compressed body', async () => {
    const response = await gateway.post('/v1/embed', '{"texts":["x"]}', { 'content-encoding': 'gzip' });
    expect(response.status).toBe(415);
    expect((await readAnswer(response)).message).toContain('gzip');
  });

  it('name the methods that a path takes', async () => {
    const response = await fetch(`${gateway.url}/v1/embed`, { method: 'DELETE' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  it.each(['/%zz', '/health/%ff', '//', '/v1/models/%'])('answer the broken address %s with a 4xx', async (path) => {
    const answer = await rawRequest(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer.toLowerCase()).toContain('x-request-id: ');
  });
});

describe("OpenAI's routes", () => {
  it.each<[string, unknown, number, Record<string, unknown>, RegExp]>([
    ['no model', { input: 'x' }, 400, { param: 'model' }, /required/],
    ['no input', { model: 'fake' }, 400, { param: 'input' }, /required/],
    [
      'an unknown model',
      { model: 'text-embedding-3-small', input: 'x' },
      404,
      { code: 'model_not_found', param: 'model' },
      /served: fake/,
    ],
    ['an unknown prompt', { model: 'fake:no', input: 'x' }, 400, { param: 'model' }, /query, passage/],
    [
      'an unknown field',
      { model: 'fake', input: 'x', foo: 1 },
      400,
      { param: null },
      /^Unrecognized request argument supplied: foo$/,
    ],
    ['an empty list', { model: 'fake', input: [] }, 400, { param: 'input' }, /empty list/],
    ['an input that is null', { model: 'fake', input: null }, 400, { param: 'input' }, /is null/],
    ['an input of an object', { model: 'fake', input: [{}] }, 400, { param: 'input[0]' }, /is an object/],
    ['mixed inputs', { model: 'fake', input: ['x', 5] }, 400, { param: 'input[1]' }, /is a number/],
    ['mixed token ids', { model: 'fake', input: [5, 'x'] }, 400, { param: 'input[1]' }, /token id/],
    ['negative token ids', { model: 'fake', input: [[5, -1]] }, 400, { param: 'input[0][1]' }, /is -1/],
    ['fractions of token ids', { model: 'fake', input: [1.5] }, 400, { param: 'input[0]' }, /is 1.5/],
    ['an empty list of token ids', { model: 'fake', input: [[]] }, 400, { param: 'input[0]' }, /empty/],
    [
      'too many texts',
      { model: 'fake', input: manyTexts },
      400,
      { code: 'array_above_max_length', param: 'input' },
      /limit 2048/,
    ],
    [
      'an unknown encoding',
      { model: 'fake', input: 'x', encoding_format: 'hex' },
      400,
      { param: 'encoding_format' },
      /"float" or "base64"/,
    ],
    ['too many dimensions', { model: 'fake', input: 'x', dimensions: 65 }, 400, { param: 'dimensions' }, /64/],
    ['an unknown profile', { model: 'fake', input: 'x', profile: 'slow' }, 400, { param: 'profile' }, /"rt" or "bulk"/],
    ['malformed JSON', '{', 400, { code: 'malformed_json' }, /not valid JSON/],
    ['a text that fails alone', { model: 'fake', input: ['a', 'POISON'] }, 422, { param: 'input' }, /Text 1/],
    [
      'a body too large',
      { model: 'fake', input: 'x'.repeat(MAX_BODY_BYTES) },
      413,
      { code: 'body_too_large' },
      /limit 1048576/,
    ],
  ])("refuse %s in OpenAI's words", async (_, body, status, fields, message) => {
    const response = await gateway.post('/v1/embeddings', body);
    expect(response.status).toBe(status);
    const answer = await readAnswer(response);
    expect(Object.keys(answer)).toEqual(['error']);
    expect(Object.keys(answer.error)).toEqual(['message', 'type', 'param', 'code']);
    expect(answer.error).toMatchObject({ type: 'invalid_request_error', ...fields });
    expect(answer.error.message).toMatch(message);
    expect(response.headers.get('x-request-id')).toBeTruthy();
  });

  it('refuse a wrong content type, an unknown route and a wrong header in the same words', async () => {
    const plain = await gateway.post('/v1/embeddings', 'x', { 'content-type': 'text/plain' });
    expect([plain.status, (await readAnswer(plain)).error.code]).toEqual([415, 'unsupported_media_type']);
    const chat = await gateway.post('/v1/chat/completions', { model: 'fake' });
    expect([chat.status, (await readAnswer(chat)).error.code]).toEqual([404, 'unknown_url']);
    const header = await gateway.post('/v1/embeddings', { model: 'fake', input: 'x' }, { 'x-embedq-profile': 'no' });
    expect([header.status, (await readAnswer(header)).error.param]).toEqual([400, 'x-embedq-profile']);
  });
});

describe('the request id', () => {
  it.each([
    ['abc-123.X:y_z', true],
    ['a'.repeat(128), true],
    ['a'.repeat(129), false],
    ['with blank', false],
    ['<script>', false],
  ])('%s is kept: %s', async (id, kept) => {
    const response = await fetch(`${gateway.url}/health/live`, { headers: { 'x-request-id': id } });
    const answered = response.headers.get('x-request-id') ?? '';
    expect(answered === id).toBe(kept);
    expect(answered).toMatch(/^[\w.:-]{1,128}$/);
  });
});

describe('no bad input makes a 500', () => {
  it.each(['/v1/embed', '/v1/embeddings', '/embed'])('%s, any JSON', async (path) => {
    const fields = fc.constantFrom('texts', 'input', 'inputs', 'model', 'models', 'dimensions', 'prompt', 'user', 'x');
    const values = fc.oneof(fc.jsonValue(), fc.constantFrom('fake', ['fake'], ['a', 'b'], 1, null, [[1, 2]]));
    const body = fc.oneof(fc.dictionary(fields, values), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        const response = await gateway.post(path, JSON.stringify(value));
        await response.arrayBuffer();
        expect(response.status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['/v1/embed', '/v1/embeddings'])('%s, any bytes', async (path) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const response = await gateway.post(path, Buffer.from(bytes));
        await response.arrayBuffer();
        expect(response.status).toBe(400);
      }),
      { numRuns: 100 },
    );
  });

  it('on the bare socket neither', async () => {
    for (const bytes of [
      'GARBAGE\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'POST /v1/embed HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n',
      '\0\0\0\0\r\n\r\n',
    ]) {
      expect(await rawRequest(bytes), JSON.stringify(bytes)).toMatch(/^HTTP\/1\.1 400 /);
    }
    const answer = await rawRequest(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('E_HEADERS_TOO_LARGE');
  });
});

/** Sends bytes and returns all that comes back until the server closes. */
async function rawRequest(bytes: string): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write(bytes);
  return readText(socket);
}
