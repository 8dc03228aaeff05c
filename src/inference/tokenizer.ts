// Turns texts (or a model's own token ids) into token rows, exactly as sentence-transformers would: prompt before the
// text, special tokens counted in, cut at max_seq on the model's side. Works on the official tokenizers library.
import { readFile } from 'node:fs/promises';
import { Tokenizer } from 'tokenizers';
import type { EmbedInput } from '../contracts/embedding.js';
import { fail } from '../errors.js';
import type { ModelDescription } from '../models/description.js';
import { findSpecialTokens, joinRow, type SpecialTokens } from './special-tokens.js';
import type { TokenRow } from './token-row.js';
import { prepareTokenizerJson } from './tokenizer-json.js';

/** Texts of one call into the library: more keep its memory longer and gain nothing. */
const MAX_CHUNK_TEXTS = 32;
/** A chunk of long texts ends earlier: the library holds some hundred bytes a token until it is read. */
const MAX_CHUNK_CHARACTERS = 256 * 1024;
/** Lengths of prompts that are kept; callers may send a prompt of their own with each call. */
const MAX_KEPT_PROMPTS = 256;

type TokenizerModel = Pick<ModelDescription, 'name' | 'maxSeq' | 'tokenizer' | 'chain' | 'graph'>;

export interface ModelTokenizer {
  /**
   * One row a text, in order. The library works on threads of its own, so the event loop stays free.
   * @param prompt put before each text; null: none
   * @throws E_TOKEN_ID_UNKNOWN for an id that the vocabulary does not have
   */
  tokenize(texts: readonly EmbedInput[], prompt: { readonly text: string } | null): Promise<TokenRow[]>;
}

/** @throws E_MODEL_FILE_CORRUPT, E_MODEL_UNSUPPORTED */
export async function createTokenizer(description: TokenizerModel): Promise<ModelTokenizer> {
  const file = 'tokenizer.json';
  const model = description.name;
  let library: Tokenizer;
  let specialIds: ReadonlySet<number>;
  try {
    const prepared = prepareTokenizerJson(await readFile(description.tokenizer.file, 'utf8'), description.tokenizer);
    library = Tokenizer.fromString(prepared.json);
    specialIds = prepared.specialIds;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem }, { cause });
  }
  return new LibraryTokenizer(library, description, await findSpecialTokens(library, description), specialIds);
}

class LibraryTokenizer implements ModelTokenizer {
  readonly #library: Tokenizer;
  readonly #model: string;
  readonly #maxSeq: number;
  readonly #truncationSide: 'left' | 'right';
  /** Whether pooling anywhere leaves out the prompt. */
  readonly #skipsPrompt: boolean;
  readonly #special: SpecialTokens;
  readonly #specialIds: ReadonlySet<number>;
  readonly #promptTokens = new Map<string, number>();

  constructor(
    library: Tokenizer,
    description: TokenizerModel,
    special: SpecialTokens,
    specialIds: ReadonlySet<number>,
  ) {
    this.#library = library;
    this.#model = description.name;
    this.#maxSeq = description.maxSeq;
    this.#truncationSide = description.tokenizer.truncationSide;
    this.#skipsPrompt = description.chain.some((step) => step.kind === 'pooling' && !step.includePrompt);
    this.#special = special;
    this.#specialIds = specialIds;
  }

  async tokenize(texts: readonly EmbedInput[], prompt: { readonly text: string } | null): Promise<TokenRow[]> {
    const promptText = prompt?.text ?? '';
    const promptTokens = this.#skipsPrompt && promptText !== '' ? await this.#countPromptTokens(promptText) : 0;
    const rows = new Array<TokenRow>(texts.length);
    await this.#tokenizeTexts(texts, promptText, promptTokens, rows);
    await this.#takeTokenIds(texts, promptText, promptTokens, rows);
    return rows;
  }

  async #tokenizeTexts(
    texts: readonly EmbedInput[],
    promptText: string,
    promptTokens: number,
    rows: TokenRow[],
  ): Promise<void> {
    let chunk: string[] = [];
    let indexes: number[] = [];
    let characters = 0;
    const flush = async () => {
      const encodings = await this.#library.encodeBatch(chunk, { addSpecialTokens: false });
      encodings.forEach((encoding, i) => {
        // Cast: there are as many indexes as texts in the chunk, and so as encodings.
        rows[indexes[i] as number] = this.#row(encoding.getIds(), promptTokens);
      });
      chunk = [];
      indexes = [];
      characters = 0;
    };
    for (const [index, text] of texts.entries()) {
      if (typeof text !== 'string') continue;
      chunk.push(promptText + text);
      indexes.push(index);
      characters += promptText.length + text.length;
      if (chunk.length === MAX_CHUNK_TEXTS || characters >= MAX_CHUNK_CHARACTERS) await flush();
    }
    if (chunk.length > 0) await flush();
  }

  /** Ids get the prompt's ids before them: there is no text that both could be tokenised as one with. */
  async #takeTokenIds(
    texts: readonly EmbedInput[],
    promptText: string,
    promptTokens: number,
    rows: TokenRow[],
  ): Promise<void> {
    if (texts.every((text) => typeof text === 'string')) return;
    const prompt =
      promptText === '' ? [] : (await this.#library.encode(promptText, null, { addSpecialTokens: false })).getIds();
    const known = new Set<number>();
    for (const [index, ids] of texts.entries()) {
      if (typeof ids === 'string') continue;
      for (const id of ids) this.#mustKnow(id, index, known);
      rows[index] = this.#row(prompt.length > 0 ? [...prompt, ...ids] : ids, promptTokens);
    }
  }

  #mustKnow(id: number, index: number, known: Set<number>): void {
    if (known.has(id)) return;
    const valid = Number.isInteger(id) && id >= 0 && id < 2 ** 31 && this.#library.idToToken(id) != null;
    if (!valid) {
      const vocabulary = `the vocabulary of ${this.#model}`;
      throw fail('E_TOKEN_ID_UNKNOWN', { index, tokenId: id, vocabulary });
    }
    known.add(id);
  }

  #row(ids: readonly number[], promptTokens: number): TokenRow {
    const row = joinRow(ids, this.#special, this.#maxSeq, this.#truncationSide);
    return {
      ids: row,
      promptTokens: Math.min(promptTokens, row.length),
      fullLength: ids.length + this.#special.before.length + this.#special.after.length,
    };
  }

  /**
   * Tokens of the prompt alone, special tokens included, less a trailing special one; cut at max_seq like any text.
   * Source: sentence-transformers 6.2, base/modules/transformer.py, `_get_prompt_length`.
   */
  async #countPromptTokens(promptText: string): Promise<number> {
    const kept = this.#promptTokens.get(promptText);
    if (kept !== undefined) return kept;
    const encoding = await this.#library.encode(promptText, null, { addSpecialTokens: false });
    const { ids } = this.#row(encoding.getIds(), 0);
    const last = ids.at(-1);
    const tokens = last !== undefined && this.#specialIds.has(last) ? ids.length - 1 : ids.length;
    const oldest = this.#promptTokens.keys().next();
    if (this.#promptTokens.size >= MAX_KEPT_PROMPTS && !oldest.done) this.#promptTokens.delete(oldest.value);
    this.#promptTokens.set(promptText, tokens);
    return tokens;
  }
}
