// Reads how a repository wants its texts tokenised: padding, truncation side, and where tokenizer.json is.
import path from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import type { TokenizerDescription } from './description.js';
import { type RepositoryFolder, readJsonIfPresent } from './json-file.js';
import type { TransformerConfig } from './transformer-config.js';

/** Written by transformers where a tokenizer knows no limit. */
const NO_LIMIT = 1e20;

const tokenSchema = z.union([z.string(), z.object({ content: z.string() }).transform((token) => token.content)]);
const side = z.enum(['left', 'right']);

const tokenizerConfigSchema = z.object({
  pad_token: tokenSchema.nullish(),
  padding_side: side.nullish(),
  truncation_side: side.nullish(),
  model_max_length: z.number().positive().nullish(),
});
const specialTokensSchema = z.object({ pad_token: tokenSchema.nullish() });

/** The vocabulary is left unchecked: it has up to a million entries, and one of them may be needed. */
const tokenizerFileSchema = z.object({
  model: z.object({ vocab: z.unknown().optional() }),
  added_tokens: z.array(z.object({ id: z.int().nonnegative(), content: z.string() })).default([]),
  padding: z.object({ pad_id: z.int().nonnegative() }).nullish(),
});
type TokenizerFile = z.output<typeof tokenizerFileSchema>;

export interface TokenizerConfig {
  readonly description: TokenizerDescription;
  /** `model_max_length` of tokenizer_config.json; null where it states none. */
  readonly modelMaxLength: number | null;
}

/**
 * @throws E_MODEL_FILE_MISSING where there is no tokenizer.json (vocab.txt alone is not read), E_MODEL_FILE_CORRUPT
 */
export async function readTokenizerConfig(
  repository: RepositoryFolder,
  modulePath: string,
  transformer: TransformerConfig,
): Promise<TokenizerConfig> {
  const at = (name: string) => path.posix.join(modulePath, name);
  const file = at('tokenizer.json');
  const tokenizer = await readJsonIfPresent(repository, file, tokenizerFileSchema);
  if (tokenizer === null) {
    const problem = "only the tokenizers library's format is read; save the tokenizer with use_fast=True";
    throw fail('E_MODEL_FILE_MISSING', { model: repository.model, file, problem });
  }
  const config = await readJsonIfPresent(repository, at('tokenizer_config.json'), tokenizerConfigSchema);
  const special = await readJsonIfPresent(repository, at('special_tokens_map.json'), specialTokensSchema);
  const padToken = config?.pad_token ?? special?.pad_token ?? null;
  const limit = config?.model_max_length ?? null;
  return {
    description: {
      file: path.join(repository.folder, file),
      padId:
        padToken === null
          ? (transformer.padTokenId ?? tokenizer.padding?.pad_id ?? 0)
          : padTokenId(repository, file, tokenizer, padToken),
      paddingSide: config?.padding_side ?? 'right',
      truncationSide: config?.truncation_side ?? 'right',
      lowercase: transformer.lowercase,
    },
    modelMaxLength: limit === null || limit >= NO_LIMIT ? null : Math.floor(limit),
  };
}

function padTokenId({ model }: RepositoryFolder, file: string, tokenizer: TokenizerFile, token: string): number {
  const added = tokenizer.added_tokens.find((entry) => entry.content === token)?.id;
  if (added !== undefined) return added;
  const known = idInVocabulary(tokenizer.model.vocab, token);
  if (known !== null) return known;
  throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: `it has no token "${token}", the padding token` });
}

/** WordPiece and BPE keep ids by token, Unigram a list of [token, score] whose places are the ids. */
function idInVocabulary(vocabulary: unknown, token: string): number | null {
  if (Array.isArray(vocabulary)) {
    const place = vocabulary.findIndex((entry: unknown) => Array.isArray(entry) && entry[0] === token);
    return place < 0 ? null : place;
  }
  if (typeof vocabulary !== 'object' || vocabulary === null) return null;
  const id: unknown = Object.entries(vocabulary).find(([content]) => content === token)?.[1];
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : null;
}
