// The clients that people really use, unmodified: openai from npm and from PyPI, and LangChain's.
import path from 'node:path';
import { OpenAIEmbeddings } from '@langchain/openai';
import OpenAI, { BadRequestError, NotFoundError, RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embedder } from '../../src/contracts/embedder.js';
import { fail } from '../../src/errors.js';
import { createFakeEmbedder } from '../../src/gateway/testing/fake-embedder.js';
import { EMBEDDERS } from '../support/embedders.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { type PythonClients, preparePythonClients, runPython } from '../support/python-clients.js';

const TEXTS = ['Hello world', 'naïve café 🙂', ''];
const PYTHON_SCRIPT = path.join(import.meta.dirname, '../support/openai_client.py');
const PREPARE_TIMEOUT_MS = 300_000;

function clientOf(gateway: TestGateway, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'unused', maxRetries });
}

describe.each(EMBEDDERS)('over $name', ({ alias, start }) => {
  let embedder: Embedder;
  let gateway: TestGateway;
  let expected: readonly (readonly number[])[];
  let python: PythonClients;

  beforeAll(async () => {
    python = await preparePythonClients();
    embedder = await start();
    gateway = await startGateway(embedder);
    const { vectors } = await embedder.embedTexts(TEXTS, { models: [alias] });
    expected = vectors.map((vector) => [...vector]);
  }, PREPARE_TIMEOUT_MS);

  afterAll(async () => {
    await gateway.close();
    await embedder.close();
  });

  /** Clients hand out doubles; as float32 they must be the embedder's own vectors, bit for bit. */
  function expectOwnVectors(vectors: readonly (readonly number[])[]): void {
    expect(vectors.map((vector) => vector.map(Math.fround))).toEqual(expected);
  }

  describe('openai from npm', () => {
    it('gets the exact vectors by default (base64)', async () => {
      const answer = await clientOf(gateway).embeddings.create({ model: alias, input: TEXTS });
      expectOwnVectors(answer.data.map(({ embedding }) => embedding));
      expect(answer.model).toBe(alias);
      const { modelResults } = await embedder.embedTexts(TEXTS, { models: [alias] });
      const tokens = modelResults[0]?.tokens;
      expect(answer.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
    });

    it('gets the exact vectors as floats', async () => {
      const input = { model: alias, input: TEXTS, encoding_format: 'float' } as const;
      const answer = await clientOf(gateway).embeddings.create(input);
      expectOwnVectors(answer.data.map(({ embedding }) => embedding));
    });

    it('gets fewer dimensions, as unit vectors', async () => {
      const answer = await clientOf(gateway).embeddings.create({ model: alias, input: 'Hello', dimensions: 7 });
      expect(answer.data[0]?.embedding).toHaveLength(7);
    });

    it('lists and finds models', async () => {
      const client = clientOf(gateway);
      expect((await client.models.list()).data.map(({ id }) => id)).toContain(alias);
      const modelId = embedder.models[0]?.modelId ?? '';
      expect((await client.models.retrieve(modelId)).id).toBe(alias);
    });

    it('raises its own error classes', async () => {
      const client = clientOf(gateway);
      const unknown = client.embeddings.create({ model: 'nobody', input: 'x' });
      await expect(unknown).rejects.toThrow(NotFoundError);
      await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
      const empty = client.embeddings.create({ model: alias, input: [] });
      await expect(empty).rejects.toThrow(BadRequestError);
      await expect(empty).rejects.toMatchObject({ type: 'invalid_request_error', param: 'input' });
      const ids = client.embeddings.create({ model: alias, input: [[9906, 1917]] });
      await expect(ids).rejects.toThrow(/token ids.*EMB_OPENAI_TOKEN_IDS/);
    });
  });

  describe("LangChain's client from npm", () => {
    it('embeds a query and documents', async () => {
      const embeddings = new OpenAIEmbeddings({
        model: alias,
        apiKey: 'unused',
        maxRetries: 0,
        stripNewLines: false,
        configuration: { baseURL: `${gateway.url}/v1` },
      });
      expectOwnVectors(await embeddings.embedDocuments(TEXTS));
      const query = await embeddings.embedQuery(TEXTS[0] ?? '');
      expect(query.map(Math.fround)).toEqual(expected[0]);
    });
  });

  describe('openai from PyPI', () => {
    it('gets the exact vectors, and raises its own error classes', async (context) => {
      if ('missing' in python) return context.skip(python.missing);
      // The script prints exactly these fields.
      const answer = (await runPython(python.python, PYTHON_SCRIPT, [`${gateway.url}/v1`, alias])) as {
        default: number[][];
        floats: number[][];
      };
      expectOwnVectors(answer.default);
      expectOwnVectors(answer.floats);
      expect(answer).toMatchObject({
        model: alias,
        dimensions: 8,
        models: expect.arrayContaining([alias]),
        unknown_model: { class: 'NotFoundError', status: 404, message: expect.stringContaining('nobody') },
        empty_list: { class: 'BadRequestError', status: 400 },
        token_ids: {
          class: 'BadRequestError',
          status: 400,
          message: expect.stringContaining('check_embedding_ctx_length=False'),
        },
      });
    });
  });
});

describe('a full lane', () => {
  const overloaded = () => fail('E_OVERLOADED', { lane: 'rt', ...FULL, retryAfterMs: 20 });
  const FULL = { waitingTexts: 9, limitTexts: 9, waitingTokens: 99, limitTokens: 100 };

  it("is openai's RateLimitError", async () => {
    const embedder = createFakeEmbedder({
      beforeAnswer() {
        throw overloaded();
      },
    });
    const gateway = await startGateway(embedder);
    const call = clientOf(gateway).embeddings.create({ model: 'fake', input: 'x' });
    await expect(call).rejects.toThrow(RateLimitError);
    await gateway.close();
  });

  it('is waited out by openai as long as the answer says', async () => {
    let calls = 0;
    const embedder = createFakeEmbedder({
      beforeAnswer() {
        calls++;
        if (calls < 3) throw overloaded();
      },
    });
    const gateway = await startGateway(embedder);
    const answer = await clientOf(gateway, 5).embeddings.create({ model: 'fake', input: 'x' });
    expect(answer.data).toHaveLength(1);
    expect(calls).toBe(3);
    await gateway.close();
  });
});
