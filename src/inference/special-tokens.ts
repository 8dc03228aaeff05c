// Finds which special tokens a tokenizer puts before and after a text, and puts them around ids that were cut to
// fit. The library itself cuts a text's tokens before it adds them, so the result is the same as its own truncation,
// while the full length stays known.
import type { Tokenizer } from 'tokenizers';
import { fail } from '../errors.js';
import type { ModelDescription } from '../models/description.js';

export interface SpecialTokens {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const PROBE = 'a';

/** @throws E_MODEL_UNSUPPORTED for a tokenizer that does more than add tokens before and after */
export async function findSpecialTokens(
  library: Tokenizer,
  description: Pick<ModelDescription, 'name' | 'maxSeq' | 'graph'>,
): Promise<SpecialTokens> {
  const plain = (await library.encode(PROBE, null, { addSpecialTokens: false })).getIds();
  const encoding = await library.encode(PROBE, null, { addSpecialTokens: true });
  const full = encoding.getIds();
  const extra = full.length - plain.length;
  const start = findRun(full, plain);
  const model = description.name;
  if (extra < 0 || start === null) {
    throw fail('E_MODEL_UNSUPPORTED', { model, what: 'its tokenizer does not put a text between special tokens' });
  }
  if (description.graph.inputs.includes('token_type_ids') && encoding.getTypeIds().some((type) => type !== 0)) {
    throw fail('E_MODEL_UNSUPPORTED', { model, what: 'its tokenizer gives the tokens of one text several types' });
  }
  if (extra >= description.maxSeq) {
    const what = `its ${extra} special tokens leave no room in a max_seq of ${description.maxSeq}`;
    throw fail('E_MODEL_UNSUPPORTED', { model, what });
  }
  return { before: full.slice(0, start), after: full.slice(start + plain.length) };
}

/** Where `part` stands in `whole`; null where it does not, or could stand in several places. */
function findRun(whole: readonly number[], part: readonly number[]): number | null {
  const starts: number[] = [];
  for (let start = 0; start + part.length <= whole.length; start++) {
    if (part.every((id, i) => whole[start + i] === id)) starts.push(start);
  }
  return starts.length === 1 ? (starts[0] ?? null) : null;
}

/**
 * @param ids a text's tokens without special ones
 * @param maxSeq tokens that the row may have, special ones included
 */
export function joinRow(
  ids: readonly number[],
  { before, after }: SpecialTokens,
  maxSeq: number,
  truncationSide: 'left' | 'right',
): Int32Array {
  const kept = Math.min(ids.length, maxSeq - before.length - after.length);
  const from = truncationSide === 'left' ? ids.length - kept : 0;
  const row = new Int32Array(before.length + kept + after.length);
  row.set(before, 0);
  // Cast: from + i stays below ids.length. Copying one by one spares a slice of what may be a million ids.
  for (let i = 0; i < kept; i++) row[before.length + i] = ids[from + i] as number;
  row.set(after, before.length + kept);
  return row;
}
