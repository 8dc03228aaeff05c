import { describe, expect, it } from 'vitest';
import type { EmbedResult } from '../contracts/embedding.js';
import { fail } from '../errors.js';
import { DEFAULT_STREAM_LIMITS, embedInOrder, type StreamLimits } from './embed-in-order.js';
import type { ResultRow } from './formats.js';
import type { TextRow } from './read-texts.js';

const LIMITS: StreamLimits = { ...DEFAULT_STREAM_LIMITS, maxTextsPerCall: 2, maxTextsInFlight: 6 };

/** A vector that only this text has. */
const vectorOf = (text: string) => Float32Array.of(Number(text.slice(1)), 1);

function answer(texts: readonly string[], poison: string | null = null): EmbedResult {
  const vectors = texts.map((text) => (text === poison ? new Float32Array(0) : vectorOf(text)));
  const textIndexes = texts.flatMap((text, index) => (text === poison ? [index] : []));
  return {
    requestId: 'r',
    usedProfile: 'bulk',
    vectors,
    modelResults: [
      {
        model: 'fake',
        dim: 2,
        fingerprint: 'f',
        variant: 'fp32',
        promptName: null,
        vectors,
        truncated: 0,
        tokens: texts.length,
        warnings: [],
        durationMs: 1,
      },
    ],
    errors:
      textIndexes.length === 0
        ? []
        : [{ model: 'fake', code: 'E_TEXT_POISON', message: 'poison', retryable: false, textIndexes }],
  };
}

async function* source(count: number, onRead: (read: number) => void = () => {}): AsyncGenerator<TextRow> {
  for (let index = 0; index < count; index++) {
    onRead(index + 1);
    yield { text: `t${index}`, endOffset: index + 1 };
  }
}

/** Calls that are answered when the test says so. */
function heldCalls() {
  const calls: { texts: readonly string[]; signal: AbortSignal; settle: (result: EmbedResult | Error) => void }[] = [];
  const embed = (texts: readonly string[], signal: AbortSignal) =>
    new Promise<EmbedResult>((resolve, reject) => {
      const settle = (result: EmbedResult | Error) => (result instanceof Error ? reject(result) : resolve(result));
      calls.push({ texts, signal, settle });
      signal.addEventListener('abort', () => reject(fail('E_CANCELLED', { texts: texts.length })));
    });
  return { calls, embed };
}

async function collect(groups: AsyncIterable<{ rows: readonly ResultRow[] }>): Promise<ResultRow[]> {
  const rows: ResultRow[] = [];
  for await (const group of groups) rows.push(...group.rows);
  return rows;
}

const never = new AbortController().signal;
/** Lets everything that can run now run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const overloaded = () =>
  fail('E_OVERLOADED', {
    lane: 'bulk',
    waitingTexts: 9,
    limitTexts: 9,
    waitingTokens: 9,
    limitTokens: 9,
    retryAfterMs: 5,
  });

describe('embedInOrder', () => {
  it('yields every text once, in order, whatever order the calls are answered in', async () => {
    const { calls, embed } = heldCalls();
    const rows = collect(embedInOrder(source(13), embed, never, LIMITS));
    for (let answered = 0; answered < 7; ) {
      await settled();
      for (const call of calls.splice(0).reverse()) {
        call.settle(answer(call.texts));
        answered++;
      }
    }
    const all = await rows;
    expect(all.map((row) => row.index)).toEqual(Array.from({ length: 13 }, (_, index) => index));
    expect(all.map((row) => row.vector?.[0])).toEqual(all.map((row) => row.index));
  });

  it('keeps no more texts in flight than allowed, and reads at most one group beyond', async () => {
    const { calls, embed } = heldCalls();
    let read = 0;
    const groups = embedInOrder(
      source(1000, (count) => (read = count)),
      embed,
      never,
      LIMITS,
    );
    const first = groups.next();
    await settled();
    expect(calls.map((call) => call.texts.length)).toEqual([2, 2, 2]);
    expect(read).toBeLessThanOrEqual(8);
    calls[0]?.settle(answer(calls[0].texts));
    await first;
    await groups.return(undefined);
    expect(calls.slice(1).every((call) => call.signal.aborted)).toBe(true);
  });

  it('goes on past a slow first call until the held vectors reach their bound', async () => {
    const { calls, embed } = heldCalls();
    const groups = embedInOrder(source(1000), embed, never, { ...LIMITS, maxFloatsHeld: 20 });
    const first = groups.next();
    for (let turn = 0; turn < 40; turn++) {
      await settled();
      for (const call of calls.slice(1)) call.settle(answer(call.texts));
    }
    // 4 floats a call: five answered ones fill the bound; up to three were in flight when it was reached.
    expect(calls.length).toBeGreaterThanOrEqual(6);
    expect(calls.length).toBeLessThanOrEqual(8);
    calls[0]?.settle(answer(calls[0].texts));
    await first;
    await groups.return(undefined);
  });

  it('sends a refused call again when another one is answered', async () => {
    let running = 0;
    let refusals = 0;
    const embed = async (texts: readonly string[]) => {
      if (running === 1) {
        refusals++;
        throw overloaded();
      }
      running++;
      await settled();
      running--;
      return answer(texts);
    };
    const rows = await collect(embedInOrder(source(20), embed, never, LIMITS));
    expect(rows.map((row) => row.vector?.[0])).toEqual(rows.map((row) => row.index));
    expect(rows).toHaveLength(20);
    expect(refusals).toBeGreaterThan(0);
  });

  it('fails where even a call alone is refused', async () => {
    const embed = () => Promise.reject(overloaded());
    await expect(collect(embedInOrder(source(20), embed, never, LIMITS))).rejects.toMatchObject({
      code: 'E_OVERLOADED',
    });
  });

  it('delivers the neighbours of a text that failed', async () => {
    const embed = async (texts: readonly string[]) => answer(texts, 't3');
    const rows = await collect(embedInOrder(source(5), embed, never, LIMITS));
    expect(rows.map((row) => row.error?.code ?? null)).toEqual([null, null, null, 'E_TEXT_POISON', null]);
    expect(rows[3]?.vector).toBeNull();
  });

  it('names a text that is too long by its place in the input', async () => {
    const embed = async (texts: readonly string[]) => {
      const index = texts.indexOf('t3');
      if (index === -1) return answer(texts);
      throw fail('E_TEXT_TOO_LONG', { index, tokens: 300, maxTokens: 256 });
    };
    await expect(collect(embedInOrder(source(5), embed, never, LIMITS))).rejects.toMatchObject({
      code: 'E_TEXT_TOO_LONG',
      message: expect.stringContaining('Text 3 has 300 tokens'),
    });
  });

  it('cancels what is in flight when it is aborted, also while the source says nothing', async () => {
    const { calls, embed } = heldCalls();
    const abort = new AbortController();
    async function* silent(): AsyncGenerator<TextRow> {
      yield* source(2);
      await new Promise(() => {});
    }
    const rows = collect(embedInOrder(silent(), embed, abort.signal, LIMITS));
    await settled();
    abort.abort();
    await expect(rows).rejects.toMatchObject({ code: 'E_CANCELLED' });
    expect(calls.map((call) => call.signal.aborted)).toEqual([true]);
  });

  it('gives out answers while a slow source is waited for', async () => {
    async function* slow(): AsyncGenerator<TextRow> {
      yield* source(2);
      await new Promise(() => {});
    }
    const groups = embedInOrder(slow(), async (texts) => answer(texts), never, LIMITS);
    expect((await groups.next()).value?.rows).toHaveLength(2);
  });

  it('passes on what is wrong with the source', async () => {
    async function* broken(): AsyncGenerator<TextRow> {
      yield* source(3);
      throw fail('E_INPUT_ROW_INVALID', { file: 'a.jsonl', line: 4, problem: 'bad' });
    }
    const rows = collect(embedInOrder(broken(), async (texts) => answer(texts), never, LIMITS));
    await expect(rows).rejects.toMatchObject({ code: 'E_INPUT_ROW_INVALID' });
  });
});
