// The gateway over the bundled model in real inference processes: what the fake embedder can only pretend.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embedder } from '../../src/contracts/embedder.js';
import { createEmbedder } from '../../src/start/embedder.js';
import { readAnswer, startGateway, type TestGateway } from '../support/gateway.js';

/** "hello world" in the bundled model's vocabulary, without special tokens; it has 30,522 ids. */
const HELLO_WORLD_IDS = [7592, 2088];
const VOCABULARY_SIZE = 30_522;
const MAX_SEQ = 256;

let embedder: Embedder;
let gateway: TestGateway;

beforeAll(async () => {
  embedder = await createEmbedder();
  gateway = await startGateway(embedder, { openaiTokenIds: 'model' });
});

afterAll(async () => {
  await gateway.close();
  await embedder.close();
});

describe('token counts', () => {
  it.each([
    ['hello world', 4],
    ['', 2],
    ['word '.repeat(1000), MAX_SEQ],
  ])('of %j are %i', async (input, tokens) => {
    const answer = await readAnswer(await gateway.post('/v1/embeddings', { model: 'minilm', input }));
    expect(answer.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
  });

  it('say where a text is too long to be taken whole', async () => {
    const texts = ['short', 'word '.repeat(1000)];
    const cut = await readAnswer(await gateway.post('/v1/embed', { texts }));
    expect(cut.model_results[0]).toMatchObject({ truncated: 1, variant: 'int8', dim: 384 });
    const refused = await gateway.post('/v1/embed', { texts, truncate: false });
    expect(refused.status).toBe(413);
    expect((await readAnswer(refused)).message).toBe(`Text 1 has 1002 tokens, limit ${MAX_SEQ}.`);
  });
});

describe("the model's own token ids", () => {
  it('give the very vector of their text', async () => {
    const byText = await readAnswer(await gateway.post('/v1/embeddings', { model: 'minilm', input: 'hello world' }));
    const byIds = await readAnswer(await gateway.post('/v1/embeddings', { model: 'minilm', input: HELLO_WORLD_IDS }));
    expect(byIds.data).toEqual(byText.data);
    expect(byIds.usage.prompt_tokens).toBe(4);
  });

  it('are refused where the vocabulary does not have them', async () => {
    const input = [HELLO_WORLD_IDS, [VOCABULARY_SIZE]];
    const response = await gateway.post('/v1/embeddings', { model: 'minilm', input });
    expect(response.status).toBe(400);
    const { error } = await readAnswer(response);
    expect(error).toMatchObject({ code: 'token_id_unknown', param: 'input' });
    expect(error.message).toMatch(/^Text 1 .*30522/);
  });
});

describe('odd texts', () => {
  it('are texts all the same: lone surrogates, NUL, blanks', async () => {
    const response = await gateway.post('/v1/embed', String.raw`{"texts":["\ud800 x","a\u0000b","   ","\n"]}`);
    expect(response.status).toBe(200);
    const vectors = (await readAnswer(response)).model_results[0]?.vectors ?? [];
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });

  it('of a quarter of a million characters are cut like any other', async () => {
    const response = await gateway.post('/v1/embed', { texts: ['long '.repeat(50_000)] });
    expect(response.status).toBe(200);
    expect((await readAnswer(response)).model_results[0]).toMatchObject({ truncated: 1, tokens: MAX_SEQ });
  });
});

describe('a text of a megabyte', () => {
  it.each([
    ['/v1/embed', { texts: ['x', 'long '.repeat(200_000)] }, 413],
    ['/v1/embeddings', { model: 'minilm', input: ['x', 'long '.repeat(200_000)] }, 400],
  ])('is refused by its size on %s', async (path, body, status) => {
    const response = await gateway.post(path, body);
    expect(response.status).toBe(status);
    const answer = await readAnswer(response);
    const message = status === 413 ? answer.message : answer.error.message;
    expect(message).toBe('Text 1 has 1000000 characters, limit 262144.');
  });
});

describe('a client that goes away', () => {
  it('leaves nothing waiting for it', async () => {
    const leaving = new AbortController();
    const texts = Array.from({ length: 2048 }, (_, index) => `text ${index} ${'with many more words '.repeat(60)}`);
    const call = fetch(`${gateway.url}/v1/embed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'leaver' },
      body: JSON.stringify({ texts, profile: 'bulk' }),
      signal: leaving.signal,
    });
    const waitingTexts = () => embedder.status()[0]?.lanes.bulk.waitingTexts ?? 0;
    while (waitingTexts() === 0) await fetch(`${gateway.url}/health/live`);
    leaving.abort();
    await expect(call).rejects.toThrow();
    expect(await gateway.logLine(({ request_id }) => request_id === 'leaver')).toMatchObject({ status: 499 });
    // Half a minute of work stood in the lane; a turn of the event loop later none of it does.
    await fetch(`${gateway.url}/health/live`);
    expect(waitingTexts()).toBe(0);
  });
});

describe('a deadline', () => {
  it('that cannot be kept is a 504', async () => {
    const texts = Array.from({ length: 1000 }, (_, index) => `text ${index} ${'with many more words '.repeat(60)}`);
    const response = await gateway.post('/v1/embed', { texts, profile: 'bulk', timeout_ms: 200 });
    expect(response.status).toBe(504);
    expect((await readAnswer(response)).code).toBe('E_DEADLINE_EXCEEDED');
  });
});
