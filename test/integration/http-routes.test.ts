// What each HTTP route answers to good requests, over real sockets.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/gateway/route-table.js';
import { createFakeEmbedder, fakeVector } from '../../src/gateway/testing/fake-embedder.js';
import { readAnswer, startGateway, type TestGateway } from '../support/gateway.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => gateway.close());

function expectBitEqual(numbers: readonly number[] | undefined, expected: Float32Array): void {
  expect(Buffer.from(new Float32Array(numbers ?? []).buffer).equals(Buffer.from(expected.buffer))).toBe(true);
}

describe('POST /v1/embeddings', () => {
  it("answers a string in OpenAI's shape, with true token counts", async () => {
    const response = await gateway.post('/v1/embeddings', { model: 'fake', input: 'hello wide world' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const body = await readAnswer(response);
    expect(Object.keys(body)).toEqual(['object', 'data', 'model', 'usage']);
    expect(body).toMatchObject({
      object: 'list',
      data: [{ object: 'embedding', index: 0 }],
      model: 'fake',
      usage: { prompt_tokens: 5, total_tokens: 5 },
    });
    expectBitEqual(body.data[0]?.embedding, fakeVector('hello wide world', 64));
  });

  it('answers a list in order', async () => {
    const input = ['one', 'two', '', 'one'];
    const body = await readAnswer(await gateway.post('/v1/embeddings', { model: 'fake', input }));
    for (const [index, text] of input.entries()) {
      expect(body.data[index]?.index).toBe(index);
      expectBitEqual(body.data[index]?.embedding, fakeVector(text, 64));
    }
  });

  it('answers base64 as the little-endian float32 bytes', async () => {
    const response = await gateway.post('/v1/embeddings', { model: 'fake', input: 'x', encoding_format: 'base64' });
    const { data } = await readAnswer(response);
    expect(Buffer.from(String(data[0]?.embedding), 'base64').equals(Buffer.from(fakeVector('x', 64).buffer))).toBe(
      true,
    );
  });

  it('takes null for what may be left out', async () => {
    const body = { model: 'fake', input: 'x', encoding_format: null, dimensions: null, user: null };
    const response = await gateway.post('/v1/embeddings', body);
    expect(response.status).toBe(200);
    expect((await readAnswer(response)).data[0]?.embedding).toHaveLength(64);
  });

  it('cuts to the dimensions asked for', async () => {
    const { data } = await readAnswer(
      await gateway.post('/v1/embeddings', { model: 'fake', input: 'x', dimensions: 5 }),
    );
    expect(data[0]?.embedding).toHaveLength(5);
  });

  it.each([
    ['an alias with a prompt', 'fake:query', 'query: x'],
    ['a model id', 'example/fake-model', 'x'],
  ])('takes %s as the model, and echoes it', async (_, model, computed) => {
    const body = await readAnswer(await gateway.post('/v1/embeddings', { model, input: 'x' }));
    expect(body.model).toBe(model);
    expectBitEqual(body.data[0]?.embedding, fakeVector(computed, 64));
  });

  it('counts tokens after truncation', async () => {
    const body = await readAnswer(await gateway.post('/v1/embeddings', { model: 'fake', input: 'w '.repeat(100) }));
    expect(body.usage.prompt_tokens).toBe(16);
  });

  it.each([
    ['by default', {}, {}, 'rt'],
    ['by the field', { profile: 'bulk' }, {}, 'bulk'],
    ['by the header', {}, { 'x-embedq-profile': 'bulk' }, 'bulk'],
    ['by the field before the header', { profile: 'rt' }, { 'x-embedq-profile': 'bulk' }, 'rt'],
  ])('chooses the profile %s', async (_, fields, headers, expected) => {
    let profile: string | undefined;
    const watched = await startGateway(
      createFakeEmbedder({
        beforeAnswer: (_texts, options) => {
          profile = options.profile;
        },
      }),
    );
    await watched.post('/v1/embeddings', { model: 'fake', input: 'x', ...fields }, headers as Record<string, string>);
    await watched.close();
    expect(profile).toBe(expected);
  });
});

describe('lists of token ids', () => {
  it('are refused by default, with the way out in the message', async () => {
    const response = await gateway.post('/v1/embeddings', { model: 'fake', input: [[9906, 4435]] });
    expect(response.status).toBe(400);
    const { error } = await readAnswer(response);
    expect(error).toMatchObject({ type: 'invalid_request_error', param: 'input', code: 'token_ids_refused' });
    expect(error.message).toContain('check_embedding_ctx_length=False');
    expect(error.message).toContain('EMB_OPENAI_TOKEN_IDS');
  });

  it('go to the model as its own where the policy is `model`', async () => {
    const byModel = await startGateway(createFakeEmbedder(), { openaiTokenIds: 'model' });
    const single = await readAnswer(await byModel.post('/v1/embeddings', { model: 'fake', input: [5, 6, 7] }));
    expect(single.data).toHaveLength(1);
    expect(single.usage.prompt_tokens).toBe(5);
    const several = await readAnswer(await byModel.post('/v1/embeddings', { model: 'fake', input: [[5], [6, 7]] }));
    expectBitEqual(several.data[1]?.embedding, fakeVector('6,7', 64));
    const wrong = await byModel.post('/v1/embeddings', { model: 'fake', input: [[5], [40_000]] });
    await byModel.close();
    expect(wrong.status).toBe(400);
    expect((await readAnswer(wrong)).error.message).toMatch(/Text 1 .*40000/);
  });

  it("are decoded as OpenAI's where the policy is `cl100k_base`, and unknown ids are refused", async () => {
    const decoding = await startGateway(createFakeEmbedder(), { openaiTokenIds: 'cl100k_base' });
    // "Hello World" in OpenAI's cl100k_base.
    const body = await readAnswer(await decoding.post('/v1/embeddings', { model: 'fake', input: [[9906, 4435]] }));
    expectBitEqual(body.data[0]?.embedding, fakeVector('Hello World', 64));
    for (const unknown of [100_256, 100_261, 100_277, 2 ** 40]) {
      const response = await decoding.post('/v1/embeddings', { model: 'fake', input: [[9906], [4435, unknown]] });
      expect(response.status).toBe(400);
      expect((await readAnswer(response)).error).toMatchObject({
        code: 'token_id_unknown',
        message: `Text 1 holds the token id ${unknown}, which cl100k_base does not have.`,
      });
    }
    await decoding.close();
  });
});

describe('GET /v1/models', () => {
  it("lists the models in OpenAI's shape with embedq's facts beside it", async () => {
    const body = await readAnswer(await fetch(`${gateway.url}/v1/models`));
    expect(body.object).toBe('list');
    expect(body.data).toHaveLength(2);
    expect(body.data[0]).toMatchObject({
      id: 'fake',
      object: 'model',
      owned_by: 'embedq',
      model_id: 'example/fake-model',
      dim: 64,
      fingerprint: '00000000000fa4e0',
    });
    expect(Number.isInteger(body.data[0]?.created)).toBe(true);
  });

  it.each(['fake', 'example/fake-model', 'example%2Ffake-model'])('finds one as %s', async (name) => {
    const response = await fetch(`${gateway.url}/v1/models/${name}`);
    expect(response.status).toBe(200);
    expect((await readAnswer(response)).id).toBe('fake');
  });

  it('answers an unknown one with 404 model_not_found', async () => {
    const response = await fetch(`${gateway.url}/v1/models/nobody`);
    expect(response.status).toBe(404);
    expect((await readAnswer(response)).error).toMatchObject({ code: 'model_not_found', param: 'model' });
  });
});

describe('POST /v1/embed', () => {
  it('answers several models at once', async () => {
    const response = await gateway.post('/v1/embed', { texts: ['a b', 'c'], models: ['fake:query', 'other'] });
    expect(response.status).toBe(200);
    const body = await readAnswer(response);
    expect(body).toMatchObject({ used_profile: 'rt', errors: [] });
    expect(body.request_id).toBe(response.headers.get('x-request-id'));
    expect(body.model_results).toMatchObject([
      { model: 'fake:query', dim: 64, fingerprint: '00000000000fa4e0', variant: 'fp32', prompt_name: 'query' },
      { model: 'other', dim: 8, prompt_name: null, truncated: 0, tokens: 7, warnings: [], duration_ms: 0.5 },
    ]);
    expectBitEqual(body.model_results[0]?.vectors[1], fakeVector('query: c', 64));
    expectBitEqual(body.model_results[1]?.vectors[0], fakeVector('a b', 8));
  });

  it('passes every option on', async () => {
    let seen: Record<string, unknown> = {};
    const watched = await startGateway(
      createFakeEmbedder({
        beforeAnswer: (_texts, options) => {
          seen = { ...options };
        },
      }),
    );
    const response = await watched.post(
      '/v1/embed',
      {
        texts: ['x'],
        profile: 'bulk',
        models: ['fake'],
        dimensions: 4,
        prompt_name: 'passage',
        truncate: true,
        timeout_ms: 1500,
        tenant_id: 'shop',
        idempotency_key: 'order-7',
        encoding_format: 'base64',
      },
      { 'x-request-id': 'caller-1' },
    );
    const body = await readAnswer(response);
    await watched.close();
    const { signal, ...rest } = seen;
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(rest).toEqual({
      profile: 'bulk',
      models: ['fake'],
      dimensions: 4,
      promptName: 'passage',
      truncate: true,
      timeoutMs: 1500,
      tenantId: 'shop',
      idempotencyKey: 'order-7',
      requestId: 'caller-1',
    });
    expect(body.used_profile).toBe('bulk');
    expect(Buffer.from(String(body.model_results[0]?.vectors[0]), 'base64')).toHaveLength(16);
  });

  it('takes null for every field that may be left out', async () => {
    const nothing = { profile: null, models: null, dimensions: null, prompt_name: null, prompt: null, truncate: null };
    const more = { timeout_ms: null, tenant_id: null, idempotency_key: null, encoding_format: null };
    const response = await gateway.post('/v1/embed', { texts: ['x'], ...nothing, ...more });
    expect(response.status).toBe(200);
    expect((await readAnswer(response)).model_results[0]?.model).toBe('fake');
  });

  it('answers a text that failed alone with null and names it', async () => {
    const body = await readAnswer(await gateway.post('/v1/embed', { texts: ['a', 'POISON', 'c'] }));
    const vectors = body.model_results[0]?.vectors ?? [];
    expect(vectors[1]).toBeNull();
    expectBitEqual(vectors[2], fakeVector('c', 64));
    expect(body.errors).toMatchObject([
      {
        model: 'fake',
        code: 'E_TEXT_POISON',
        text_indexes: [1],
        retryable: false,
        docs: expect.stringContaining('#e_text_poison'),
      },
    ]);
  });

  it('answers what it can where one of several models fails', async () => {
    const response = await gateway.post('/v1/embed', { texts: ['a'], models: ['nobody', 'fake'] });
    expect(response.status).toBe(200);
    const body = await readAnswer(response);
    expect(body.model_results).toHaveLength(1);
    expect(body.errors).toMatchObject([{ model: 'nobody', code: 'E_MODEL_UNKNOWN' }]);
  });

  it('streams an answer of 2,048 texts bit-exactly', async () => {
    const texts = Array.from({ length: 2048 }, (_, index) => `text ${index}`);
    const body = await readAnswer(await gateway.post('/v1/embed', { texts, profile: 'bulk' }));
    const vectors = body.model_results[0]?.vectors ?? [];
    expect(vectors).toHaveLength(2048);
    for (const index of [0, 1000, 2047]) expectBitEqual(vectors[index], fakeVector(`text ${index}`, 64));
  });
});

describe('POST /embed', () => {
  it.each([
    ['a string', 'one', ['one']],
    ['a list', ['one', 'two'], ['one', 'two']],
  ])('answers %s with vectors alone', async (_, inputs, texts) => {
    const body = await readAnswer(await gateway.post('/embed', { inputs }));
    expect(Object.keys(body)).toEqual(['vectors']);
    expect(body.vectors).toHaveLength(texts.length);
    for (const [index, text] of texts.entries()) expectBitEqual(body.vectors[index], fakeVector(text, 64));
  });
});

describe('GET /health and /info', () => {
  it('tells each model and lane', async () => {
    const response = await fetch(`${gateway.url}/health`);
    expect(response.status).toBe(200);
    expect(await readAnswer(response)).toMatchObject({
      status: 'ok',
      version: '0.0.0-test',
      models: [{ alias: 'fake', state: 'ready', lanes: { rt: { ready_children: 1 } }, last_batch: null }, {}],
    });
    expect(await readAnswer(await fetch(`${gateway.url}/health/live`))).toEqual({ status: 'ok' });
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  });

  it.each([
    ['degraded', { fake: 'down' }, 200],
    ['degraded', { fake: 'degraded' }, 200],
    ['down', { fake: 'down', other: 'down' }, 503],
  ] as const)('is %s for %j', async (status, states, code) => {
    const sick = await startGateway(createFakeEmbedder({ states }));
    const response = await fetch(`${sick.url}/health`);
    const ready = await fetch(`${sick.url}/health/ready`);
    const live = await fetch(`${sick.url}/health/live`);
    await sick.close();
    expect((await readAnswer(response)).status).toBe(status);
    expect([response.status, ready.status, live.status]).toEqual([code, code, 200]);
  });

  it('tells the limits in force and the routes', async () => {
    const body = await readAnswer(await fetch(`${gateway.url}/info`));
    expect(body).toMatchObject({
      service: 'embedq',
      limits: { max_texts_per_call: 2048, max_body_bytes: 8_388_608, max_queued_texts: 65_536 },
      default_models: { rt: ['fake'], bulk: ['fake'] },
      openai_token_ids: 'refuse',
      models: [{ alias: 'fake', max_seq: 16, prompts: { query: 'query: ', passage: 'passage: ' } }, { alias: 'other' }],
    });
    expect(body.routes).toContain('POST /v1/embeddings');
    expect(body).toMatchObject({ limits: { max_text_characters: 262_144 } });
  });

  it('lists only routes that there are', async () => {
    for (const { method, path } of ROUTES) {
      const response = await fetch(`${gateway.url}${path.replace('*', 'fake')}`, { method });
      expect([404, 405], `${method} ${path}`).not.toContain(response.status);
    }
  });
});

describe('the request log', () => {
  it('has one line a request with counts, and never a text', async () => {
    const marker = 'confidential-words';
    await gateway.post('/v1/embed', { texts: [marker, marker] }, { 'x-request-id': 'log-1' });
    const line = await gateway.logLine(({ request_id }) => request_id === 'log-1');
    expect(line).toMatchObject({
      method: 'POST',
      path: '/v1/embed',
      status: 200,
      texts: 2,
      tokens: 6,
      models: ['fake'],
    });
    await gateway.post('/v1/embeddings', `{"model":"fake","input":"${marker}",,}`, { 'x-request-id': 'log-2' });
    await gateway.post('/v1/embed', { texts: [marker], [marker]: 1 }, { 'x-request-id': 'log-3' });
    const malformed = await gateway.logLine(({ request_id }) => request_id === 'log-2');
    expect(malformed).toMatchObject({ status: 400, code: 'E_MALFORMED_JSON' });
    await gateway.logLine(({ request_id }) => request_id === 'log-3');
    expect(JSON.stringify(gateway.log)).not.toContain(marker);
    expect(gateway.log.filter(({ request_id }) => request_id === 'log-1')).toHaveLength(1);
  });
});
