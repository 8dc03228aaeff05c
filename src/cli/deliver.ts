// From rows of text to a finished output: embeds them in order, writes each group as it comes, and counts.
import type { Embedder } from '../contracts/embedder.js';
import type { EmbedOptions } from '../contracts/embedding.js';
import { type AnsweredGroup, DEFAULT_STREAM_LIMITS, embedInOrder } from './embed-in-order.js';
import type { Format, ResultRow } from './formats.js';
import type { Output } from './output.js';
import type { Progress } from './progress.js';
import type { TextRow } from './read-texts.js';

export interface Delivery {
  readonly embedder: Embedder;
  readonly options: EmbedOptions;
  readonly format: Format;
  readonly output: Output;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What was delivered. */
export interface Delivered {
  readonly texts: number;
  readonly tokens: number;
  readonly truncated: number;
  readonly failed: number;
  /** The first few of the texts that failed, for the report. */
  readonly failedRows: readonly ResultRow[];
  /** What the model had to say, each once. */
  readonly warnings: ReadonlySet<string>;
}

const REPORTED_FAILURES = 10;

/** Writes the result and makes it whole. Whatever fails leaves `output` to be discarded by the caller. */
export async function deliver(rows: AsyncIterable<TextRow>, delivery: Delivery): Promise<Delivered> {
  const { embedder, options, format, output, progress, signal } = delivery;
  const warnings = new Set<string>();
  const failedRows: ResultRow[] = [];
  let [texts, tokens, truncated, failed] = [0, 0, 0, 0];
  const count = (group: AnsweredGroup) => {
    texts += group.rows.length;
    tokens += group.tokens;
    truncated += group.truncated;
    for (const warning of group.warnings) warnings.add(warning);
    for (const row of group.rows) {
      if (row.vector !== null) continue;
      failed++;
      if (failedRows.length < REPORTED_FAILURES) failedRows.push(row);
    }
  };

  const limits = {
    ...DEFAULT_STREAM_LIMITS,
    maxTextsPerCall: Math.min(DEFAULT_STREAM_LIMITS.maxTextsPerCall, embedder.limits.maxTextsPerCall),
  };
  const embed = (group: readonly string[], stop: AbortSignal) =>
    embedder.embedTexts(group, { ...options, signal: stop });
  await output.write(format.start);
  for await (const group of embedInOrder(rows, embed, signal, limits)) {
    await output.write(format.rows(group.rows));
    count(group);
    progress.update({ texts, tokens, bytes: group.endOffset });
  }
  await output.write(format.end());
  const correctedStart = format.correctedStart(texts);
  // A format that needs this is never given an output that cannot do it (see embed.ts).
  if (correctedStart !== null) await output.overwrite?.(0, correctedStart);
  await output.finish();
  return { texts, tokens, truncated, failed, failedRows, warnings };
}
