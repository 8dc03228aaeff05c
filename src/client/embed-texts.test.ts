import { describe, expect, it } from 'vitest';
import type { ModelAnswer, ModelBackend, ModelCall } from '../contracts/backend.js';
import { EmbedqError, fail } from '../errors.js';
import { embedTexts } from './embed-texts.js';

/** A backend whose vectors say which text they are of: [length of the text, dim]. */
function backend(alias: string, answer: (call: ModelCall) => Promise<Partial<ModelAnswer>> = async () => ({})) {
  const calls: ModelCall[] = [];
  const made: ModelBackend & { calls: ModelCall[] } = {
    calls,
    info: {
      alias,
      modelId: `owner/${alias}`,
      revision: 'default',
      dim: 2,
      maxSeq: 8,
      fingerprint: `fingerprint-${alias}`,
      variant: 'fp32',
      file: 'onnx/model.onnx',
      source: 'folder',
      prompts: { query: 'query: ' },
      defaultPromptName: null,
      batchInvariant: true,
      warnings: [],
    },
    async embed(call) {
      calls.push(call);
      return {
        dim: 2,
        vectors: call.texts.map((text) => Float32Array.of(text.length, 2)),
        promptName: null,
        tokens: call.texts.length,
        truncated: 0,
        failedTexts: [],
        warnings: [],
        ...(await answer(call)),
      };
    },
    status: () => {
      throw new Error('not asked for here');
    },
    close: async () => {},
  };
  return made;
}

function settings(...backends: ModelBackend[]) {
  const all = backends.map(({ info }) => info.alias);
  return {
    backends,
    defaultModels: { rt: all.slice(0, 1), bulk: all },
    maxTextCharacters: 100,
    maxTextsPerPart: 4,
    maxPartsInFlight: 2,
  };
}

describe('embedTexts', () => {
  it('takes rt and its default models where the caller says nothing', async () => {
    const result = await embedTexts(settings(backend('a'), backend('b')), ['x', 'yy'], {});
    expect(result.usedProfile).toBe('rt');
    expect(result.modelResults.map(({ model }) => model)).toEqual(['a']);
    expect(result.vectors.map((vector) => vector[0])).toEqual([1, 2]);
    expect(result.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('asks every model, and answers in the order they were named', async () => {
    const result = await embedTexts(settings(backend('a'), backend('b')), ['x'], { models: ['b', 'a'] });
    expect(result.modelResults.map(({ fingerprint }) => fingerprint)).toEqual(['fingerprint-b', 'fingerprint-a']);
    expect(result.vectors).toBe(result.modelResults[0]?.vectors);
  });

  it('delivers what could be answered and lists what could not', async () => {
    const broken = backend('b', async () => {
      throw fail('E_INFERENCE_UNAVAILABLE', { model: 'b', reason: 'gone' });
    });
    const result = await embedTexts(settings(backend('a'), broken), ['x'], { models: ['a', 'b', 'c'] });
    expect(result.modelResults).toHaveLength(1);
    expect(result.errors).toMatchObject([
      { model: 'b', code: 'E_INFERENCE_UNAVAILABLE', retryable: true },
      { model: 'c', code: 'E_MODEL_UNKNOWN', retryable: false },
    ]);
  });

  it('never passes a later model off as the first', async () => {
    const result = await embedTexts(settings(backend('a')), ['x'], { models: ['missing', 'a'] });
    expect(result.vectors).toEqual([]);
    expect(result.modelResults).toHaveLength(1);
  });

  it("throws one model's own error, and one that lists all where several failed", async () => {
    const one = embedTexts(settings(backend('a')), ['x'], { models: ['b'] });
    await expect(one).rejects.toMatchObject({ code: 'E_MODEL_UNKNOWN' });
    const two = embedTexts(settings(backend('a')), ['x'], { models: ['b', 'c'] });
    await expect(two).rejects.toMatchObject({ code: 'E_ALL_MODELS_FAILED' });
  });

  it('reports a text that failed alone, with its position, beside the others', async () => {
    const poisoned = backend('a', async () => ({
      vectors: [Float32Array.of(1, 2), new Float32Array(0)],
      failedTexts: [{ index: 1, attempts: 2 }],
    }));
    const result = await embedTexts(settings(poisoned), ['x', 'y'], {});
    expect(result.errors).toMatchObject([{ code: 'E_TEXT_POISON', textIndexes: [1] }]);
    expect(result.vectors[1]).toHaveLength(0);
  });

  it('computes a large call in parts, few at a time, and joins them in order', async () => {
    let underWay = 0;
    let most = 0;
    const slow = backend('a', async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay -= 1;
      return { truncated: 1 };
    });
    const texts = Array.from({ length: 23 }, (_, i) => 'x'.repeat(i));
    const result = await embedTexts(settings(slow), texts, {});
    expect(result.vectors.map((vector) => vector[0])).toEqual(texts.map((text) => text.length));
    expect(slow.calls.map(({ texts: part }) => part.length).sort()).toEqual([3, 4, 4, 4, 4, 4]);
    expect(most).toBe(2);
    expect(result.modelResults[0]).toMatchObject({ tokens: 23, truncated: 6 });
  });

  it('ends the other parts when one fails', async () => {
    const failing = backend('a', async (call) => {
      if (call.texts.length < 4) throw fail('E_INFERENCE_FAILED', { problem: 'the last part' });
      await new Promise((resolve) => call.signal?.addEventListener('abort', resolve));
      throw fail('E_CANCELLED', { texts: 4 });
    });
    const call = embedTexts(
      settings(failing),
      Array.from({ length: 6 }, () => 'x'),
      {},
    );
    await expect(call).rejects.toMatchObject({ code: 'E_INFERENCE_FAILED' });
    expect(failing.calls.every(({ signal }) => signal?.aborted)).toBe(true);
  });

  it('counts texts from the first of the call, also where a part refuses one', async () => {
    const refusing = backend('a', async (call) => {
      if (call.texts[1] === 'long') throw fail('E_TEXT_TOO_LONG', { index: 1, tokens: 9, maxTokens: 8 });
      return {};
    });
    const call = embedTexts(settings(refusing), ['x', 'x', 'x', 'x', 'x', 'long'], {});
    await expect(call).rejects.toThrow('Text 5 has 9 tokens, limit 8.');
    const poisoned = backend('a', async (part) => ({
      failedTexts: part.texts[1] === 'poison' ? [{ index: 1, attempts: 2 }] : [],
    }));
    const { errors } = await embedTexts(settings(poisoned), ['x', 'x', 'x', 'x', 'x', 'poison'], {});
    expect(errors).toMatchObject([{ textIndexes: [5], message: expect.stringMatching(/^Text 5 /) }]);
  });

  it('prefers the prompt that the name asks for over the default, and the option over both', async () => {
    const model = backend('a');
    await embedTexts(settings(model), ['x'], { models: ['a:query'] });
    await embedTexts(settings(model), ['x'], { prompt: 'as it is: ' });
    await embedTexts(settings(model), ['x'], {});
    expect(model.calls.map(({ prompt }) => prompt)).toEqual([
      { kind: 'named', name: 'query' },
      { kind: 'text', text: 'as it is: ' },
      { kind: 'default' },
    ]);
  });

  it('refuses a text of more characters than the limit, with the numbers', async () => {
    const call = embedTexts(settings(backend('a')), ['x', 'y'.repeat(101)], {});
    await expect(call).rejects.toMatchObject({ code: 'E_TEXT_TOO_LARGE', httpStatus: 413 });
    await expect(call).rejects.toThrow('Text 1 has 101 characters, limit 100.');
  });

  it.each([
    ['texts', 'x', {}],
    ['texts', [], {}],
    ['texts[1]', ['x', 7], {}],
    ['profile', ['x'], { profile: 'fast' }],
    ['models', ['x'], { models: [] }],
    ['models', ['x'], { models: ['a', 'a'] }],
    ['dimensions', ['x'], { dimensions: 1.5 }],
    ['timeoutMs', ['x'], { timeoutMs: -1 }],
    ['timeoutMs', ['x'], { timeoutMs: 2 ** 31 }],
    ['signal', ['x'], { signal: 'stop' }],
    ['truncate', ['x'], { truncate: 'no' }],
    ['prompt', ['x'], { prompt: 'a', promptName: 'query' }],
    ['promt', ['x'], { promt: 'a' }],
  ])('refuses a wrong %s by name', async (param, texts, options) => {
    // Casts: these are the calls that TypeScript would not let through.
    const call = embedTexts(settings(backend('a')), texts as string[], options as object);
    await expect(call).rejects.toBeInstanceOf(EmbedqError);
    await expect(call).rejects.toMatchObject({ code: 'E_INVALID_REQUEST', details: { param } });
  });
});
