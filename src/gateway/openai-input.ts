// The `input` of OpenAI's embeddings call in its four shapes, brought to a list of texts or token ids. Token ids
// are the trap: OpenAI's clients may send ids of OpenAI's vocabulary, which mean other words in any other model.
import type { Tiktoken } from 'js-tiktoken/lite';
import { z } from 'zod';
import type { EmbedInput } from '../contracts/embedding.js';
import { jsonTypeName } from '../contracts/wire.js';
import { fail } from '../errors.js';
import type { TokenIdPolicy } from './settings.js';

/** Texts, or lists of token ids; never both. Always at least one. */
export type OpenAiInput =
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'tokenIds'; readonly lists: readonly (readonly number[])[] };

interface Problem {
  readonly message: string;
  readonly path: readonly number[];
}

/** string | string[] | number[] | number[][]; stops at the first item that does not fit. */
export const openAiInputSchema = z.unknown().transform((value, context): OpenAiInput => {
  const read = readInput(value);
  if ('kind' in read) return read;
  context.issues.push({ code: 'custom', input: value, message: read.message, path: [...read.path] });
  return z.NEVER;
});

function readInput(value: unknown): OpenAiInput | Problem {
  if (typeof value === 'string') return { kind: 'texts', texts: [value] };
  if (value === undefined) return { message: 'is required', path: [] };
  if (!Array.isArray(value)) return { message: `must be a string or a list, is ${jsonTypeName(value)}`, path: [] };
  if (value.length === 0) return { message: 'is an empty list; give at least one text', path: [] };
  const first: unknown = value[0];
  if (typeof first === 'string') {
    const wrong = value.findIndex((item) => typeof item !== 'string');
    if (wrong >= 0)
      return { message: `must be a string as the first, is ${jsonTypeName(value[wrong])}`, path: [wrong] };
    return { kind: 'texts', texts: value };
  }
  if (typeof first === 'number') {
    const wrong = value.findIndex((item) => !isTokenId(item));
    if (wrong >= 0) return notATokenId([wrong], value[wrong]);
    return { kind: 'tokenIds', lists: [value] };
  }
  return readTokenIdLists(value);
}

function readTokenIdLists(value: readonly unknown[]): OpenAiInput | Problem {
  const lists: (readonly number[])[] = [];
  for (const [index, list] of value.entries()) {
    if (!Array.isArray(list)) {
      return { message: `must be a string or a list of token ids, is ${jsonTypeName(list)}`, path: [index] };
    }
    if (list.length === 0) return { message: 'is an empty list of token ids', path: [index] };
    const wrong = list.findIndex((item) => !isTokenId(item));
    if (wrong >= 0) return notATokenId([index, wrong], list[wrong]);
    lists.push(list);
  }
  return { kind: 'tokenIds', lists };
}

function isTokenId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function notATokenId(path: readonly number[], value: unknown): Problem {
  const is = typeof value === 'number' ? String(value) : jsonTypeName(value);
  return { message: `must be a token id (an integer from 0), is ${is}`, path };
}

export function countInputs(input: OpenAiInput): number {
  return input.kind === 'texts' ? input.texts.length : input.lists.length;
}

/**
 * What the embedder gets.
 * @throws E_TOKEN_IDS_REFUSED, E_TOKEN_ID_UNKNOWN
 */
export async function resolveInput(input: OpenAiInput, policy: TokenIdPolicy): Promise<readonly EmbedInput[]> {
  if (input.kind === 'texts') return input.texts;
  if (policy === 'refuse') throw fail('E_TOKEN_IDS_REFUSED', {});
  if (policy === 'model') return input.lists;
  const vocabulary = await loadCl100kBase();
  return input.lists.map((list, index) => {
    // js-tiktoken leaves out ids that it does not know without a word.
    const unknown = list.find((id) => !vocabulary.holds(id));
    if (unknown !== undefined) throw fail('E_TOKEN_ID_UNKNOWN', { index, tokenId: unknown, vocabulary: 'cl100k_base' });
    return vocabulary.encoder.decode([...list]);
  });
}

interface Vocabulary {
  readonly encoder: Tiktoken;
  holds(id: number): boolean;
}

/** Ranks 0 to 100255 are taken without a gap; the special tokens stand behind them. */
const CL100K_BASE_RANKS = 100_256;

let cl100kBase: Promise<Vocabulary> | null = null;

/** Half a second and 40 MB, so only for services that decode ids, and once. */
function loadCl100kBase(): Promise<Vocabulary> {
  cl100kBase ??= (async () => {
    const [{ Tiktoken }, { default: ranks }] = await Promise.all([
      import('js-tiktoken/lite'),
      import('js-tiktoken/ranks/cl100k_base'),
    ]);
    const special = new Set(Object.values(ranks.special_tokens));
    return { encoder: new Tiktoken(ranks), holds: (id) => id < CL100K_BASE_RANKS || special.has(id) };
  })();
  return cl100kBase;
}
