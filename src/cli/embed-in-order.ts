// A stream of texts through the embedder: many calls at once, so that the scheduler has enough texts to sort by
// length, answers in the order of the texts, and bounds on everything that is held.
import { setMaxListeners } from 'node:events';
import type { EmbedResult, ModelResult } from '../contracts/embedding.js';
import { EmbedqError, fail, toEmbedqError, withTextOffset } from '../errors.js';
import type { ResultRow } from './formats.js';
import type { TextRow } from './read-texts.js';

export interface StreamLimits {
  /** Few, because a call is answered when its slowest text is: rows and progress come as smoothly as calls are small. */
  readonly maxTextsPerCall: number;
  /** Texts sent and not answered. The scheduler's choice of lengths is as wide as this. */
  readonly maxTextsInFlight: number;
  /** Characters of texts sent and not answered, so that long texts don't fill the memory. One text always goes. */
  readonly maxCharactersInFlight: number;
  /** Floats of vectors that are answered but wait for an earlier text. */
  readonly maxFloatsHeld: number;
}

export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  maxTextsPerCall: 32,
  maxTextsInFlight: 4096,
  maxCharactersInFlight: 16 * 1024 * 1024,
  maxFloatsHeld: 16 * 1024 * 1024,
};

/** The answer to one call's texts. */
export interface AnsweredGroup {
  readonly rows: readonly ResultRow[];
  readonly tokens: number;
  readonly truncated: number;
  readonly warnings: readonly string[];
  /** Bytes of the input up to the last of these texts. */
  readonly endOffset: number;
}

type EmbedCall = (texts: readonly string[], signal: AbortSignal) => Promise<EmbedResult>;

/**
 * Embeds rows as they come and yields the answers in order. A call refused with E_OVERLOADED is sent again when
 * one of the others is answered. Where the consumer stops or anything fails, what is in flight is cancelled and
 * awaited before this returns.
 */
export async function* embedInOrder(
  rows: AsyncIterable<TextRow>,
  embed: EmbedCall,
  signal: AbortSignal,
  limits: StreamLimits = DEFAULT_STREAM_LIMITS,
): AsyncGenerator<AnsweredGroup> {
  const stop = new AbortController();
  // Every call in flight listens to it, which is bounded but more than Node's warning allows.
  setMaxListeners(0, stop.signal);
  const bell = new Bell();
  const reader = new GroupReader(groupRows(rows, limits), bell);
  const calls: Call[] = [];
  let textsBefore = 0;

  const start = (group: readonly TextRow[]): Call => {
    const characters = group.reduce((sum, row) => sum + row.text.length, 0);
    const call: Call = { group, characters, firstIndex: textsBefore, state: { kind: 'sent' }, done: Promise.resolve() };
    textsBefore += group.length;
    call.done = send(call).then(() => bell.ring());
    return call;
  };
  const send = async (call: Call): Promise<void> => {
    const texts = call.group.map((row) => row.text);
    for (;;) {
      try {
        const result = await embed(texts, stop.signal);
        call.state = { kind: 'answered', answer: toGroup(result, call), floats: countFloats(result) };
        return;
      } catch (error) {
        const othersAreComputed = calls.some((other) => other !== call && other.state.kind === 'sent');
        if (!isOverloaded(error) || !othersAreComputed) {
          call.state = { kind: 'failed', error: asOfTheInput(error, call) };
          return;
        }
        call.state = { kind: 'refused' };
        await bell.rung();
        call.state = { kind: 'sent' };
      }
    }
  };
  const onAbort = () => {
    stop.abort(signal.reason);
    bell.ring();
  };

  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal.aborted) throw fail('E_CANCELLED', { texts: calls.reduce((sum, call) => sum + call.group.length, 0) });
      for (const { state } of calls) if (state.kind === 'failed') throw state.error;
      const group = reader.take();
      if (group !== null) calls.push(start(group));
      const [head] = calls;
      if (hasRoom(calls, limits)) reader.readAhead();
      if (head?.state.kind === 'answered') {
        calls.shift();
        yield head.state.answer;
      } else if (head === undefined && reader.ended) {
        return;
      } else {
        await bell.rung();
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.abort(signal.reason);
    bell.ring();
    await Promise.all(calls.map((call) => call.done));
    await reader.close();
  }
}

interface Call {
  readonly group: readonly TextRow[];
  readonly characters: number;
  readonly firstIndex: number;
  state: CallState;
  done: Promise<void>;
}

/** A refused call waits to be sent again. */
type CallState =
  | { readonly kind: 'sent' | 'refused' }
  | { readonly kind: 'answered'; readonly answer: AnsweredGroup; readonly floats: number }
  | { readonly kind: 'failed'; readonly error: unknown };

function isOverloaded(error: unknown): boolean {
  return error instanceof EmbedqError && error.code === 'E_OVERLOADED';
}

/** A call counts its own texts from 0; the reader of the message counts those of the input, and lines of a file. */
function asOfTheInput(error: unknown, { group, firstIndex }: Call): unknown {
  if (!(error instanceof EmbedqError)) return error;
  const ofTheInput = withTextOffset(error, firstIndex);
  const { index } = error.details;
  const origin = typeof index === 'number' ? group[index]?.origin : undefined;
  if (origin === undefined) return ofTheInput;
  const message = `${origin.file}, line ${origin.line}: ${ofTheInput.message}`;
  return new EmbedqError(error.code, message, { ...ofTheInput.details, ...origin }, { cause: error });
}

function countFloats(result: EmbedResult): number {
  return result.vectors.reduce((sum, vector) => sum + vector.length, 0);
}

function hasRoom(calls: readonly Call[], limits: StreamLimits): boolean {
  let texts = 0;
  let characters = 0;
  let floats = 0;
  for (const { state, group, characters: callCharacters } of calls) {
    if (state.kind === 'answered') {
      floats += state.floats;
    } else {
      texts += group.length;
      characters += callCharacters;
    }
  }
  return texts < limits.maxTextsInFlight && characters < limits.maxCharactersInFlight && floats < limits.maxFloatsHeld;
}

/** Reads one group ahead, so that answers go out while a slow source is waited for. */
class GroupReader {
  #next: readonly TextRow[] | null = null;
  #failure: { readonly error: unknown } | null = null;
  #reading = false;
  #ended = false;

  constructor(
    private readonly groups: AsyncGenerator<TextRow[]>,
    private readonly bell: Bell,
  ) {}

  get ended(): boolean {
    return this.#ended;
  }

  readAhead(): void {
    if (this.#reading || this.#ended || this.#next !== null) return;
    this.#reading = true;
    this.groups
      .next()
      .then(
        ({ done, value }) => {
          if (done) this.#ended = true;
          else this.#next = value;
        },
        (error: unknown) => {
          this.#failure = { error };
        },
      )
      .finally(() => {
        this.#reading = false;
        this.bell.ring();
      });
  }

  take(): readonly TextRow[] | null {
    if (this.#failure !== null) throw this.#failure.error;
    const group = this.#next;
    this.#next = null;
    return group;
  }

  async close(): Promise<void> {
    const closed = this.groups.return(undefined).catch(() => {});
    // A read that waits for a terminal or a pipe may never end; whoever opened the source closes that.
    if (!this.#reading) await closed;
  }
}

async function* groupRows(rows: AsyncIterable<TextRow>, limits: StreamLimits): AsyncGenerator<TextRow[]> {
  let group: TextRow[] = [];
  let characters = 0;
  for await (const row of rows) {
    group.push(row);
    characters += row.text.length;
    if (group.length >= limits.maxTextsPerCall || characters * 8 >= limits.maxCharactersInFlight) {
      yield group;
      group = [];
      characters = 0;
    }
  }
  if (group.length > 0) yield group;
}

function toGroup(result: EmbedResult, { group, firstIndex }: Call): AnsweredGroup {
  const [model] = result.modelResults;
  if (model === undefined) throw toEmbedqError(new Error('the embedder answered without a model result'));
  return {
    rows: group.map((row, position) => toRow(row.text, firstIndex, position, model, result)),
    tokens: model.tokens,
    truncated: model.truncated,
    warnings: model.warnings,
    endOffset: group.at(-1)?.endOffset ?? 0,
  };
}

function toRow(
  text: string,
  firstIndex: number,
  position: number,
  answer: ModelResult,
  result: EmbedResult,
): ResultRow {
  const { model, fingerprint, variant } = answer;
  const row = { index: firstIndex + position, text, model, fingerprint, variant };
  const vector = answer.vectors[position];
  if (vector !== undefined && vector.length > 0) return { ...row, vector, error: null };
  const code = result.errors.find((error) => error.textIndexes?.includes(position))?.code ?? 'E_INTERNAL';
  // The failure's own message counts the texts of the call, and may be about several.
  const message =
    code === 'E_TEXT_POISON' ? 'It ended every inference process that computed it.' : 'It was not computed.';
  return { ...row, vector: null, error: { code, message } };
}

/** Wakes everyone who waits for something to have changed. */
class Bell {
  #waiting: (() => void)[] = [];

  /** The next ring. */
  rung(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
