// Edits a tokenizer.json in memory before the library reads it: no truncation and no padding of its own (embedq does
// both), and a Lowercase normaliser first where the repository says `do_lower_case`.
import { z } from 'zod';
import type { TokenizerDescription } from '../models/description.js';

const normalizerSchema = z.looseObject({
  type: z.string(),
  normalizers: z.array(z.looseObject({ type: z.string() })).optional(),
});
type Normalizer = z.output<typeof normalizerSchema>;

const fileSchema = z.looseObject({
  normalizer: normalizerSchema.nullish(),
  added_tokens: z.array(z.looseObject({ id: z.int(), special: z.boolean().default(false) })).default([]),
});

export interface PreparedTokenizer {
  readonly json: string;
  /** Ids of the tokens that the file marks as special. */
  readonly specialIds: ReadonlySet<number>;
}

/** @throws an Error that says what is wrong with the file */
export function prepareTokenizerJson(
  text: string,
  { lowercase }: Pick<TokenizerDescription, 'lowercase'>,
): PreparedTokenizer {
  const file = fileSchema.parse(JSON.parse(text));
  file['truncation'] = null;
  file['padding'] = null;
  if (lowercase) file.normalizer = withLowercase(file.normalizer ?? null);
  return {
    json: JSON.stringify(file),
    specialIds: new Set(file.added_tokens.filter((token) => token.special).map((token) => token.id)),
  };
}

/**
 * The normaliser with Lowercase first, unless it lower-cases already.
 * Source: sentence-transformers 6.2, base/modules/transformer.py, `_has_lowercase`; a BertNormalizer that
 * lower-cases is no Lowercase to it either, and one before it changes nothing.
 */
function withLowercase(own: Normalizer | null): Normalizer {
  if (own === null) return { type: 'Sequence', normalizers: [{ type: 'Lowercase' }] };
  const parts = own.type === 'Sequence' ? (own.normalizers ?? []) : [own];
  if (parts.some((part) => part.type === 'Lowercase')) return own;
  return { type: 'Sequence', normalizers: [{ type: 'Lowercase' }, ...parts] };
}
