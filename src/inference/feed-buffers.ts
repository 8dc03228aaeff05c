// The graph's input tensors, kept between batches. ONNX wants int64; ids are written as pairs of 32-bit words, which
// saves making a BigInt for every token.
import { endianness } from 'node:os';
import { Tensor } from 'onnxruntime-node';
import type { GraphDescription, TokenizerDescription } from '../models/description.js';
import type { TokenRow } from './token-row.js';

type InputName = GraphDescription['inputs'][number];

export interface BatchFeeds {
  readonly rows: number;
  /** Tokens a row, padding included. */
  readonly paddedTokens: number;
  readonly tensors: Record<string, Tensor>;
}

/** Buffers are kept up to this many tokens (8 MiB an input); a larger batch gets its own. */
const MAX_KEPT_TOKENS = 1024 * 1024;

/** Where the low word of an int64 lies in its two words. */
const LOW_WORD = endianness() === 'LE' ? 0 : 1;

export class FeedBuffers {
  readonly #inputs: readonly InputName[];
  readonly #padId: number;
  readonly #leftPadded: boolean;
  readonly #buffers = new Map<InputName, BigInt64Array>();

  constructor(
    inputs: readonly InputName[],
    { padId, paddingSide }: Pick<TokenizerDescription, 'padId' | 'paddingSide'>,
  ) {
    this.#inputs = inputs;
    this.#padId = padId;
    this.#leftPadded = paddingSide === 'left';
  }

  /** The tensors hold until the next call. Rows must not be empty. */
  fill(rows: readonly TokenRow[]): BatchFeeds {
    const paddedTokens = rows.reduce((longest, row) => Math.max(longest, row.ids.length), 1);
    const tensors: Record<string, Tensor> = {};
    for (const input of this.#inputs) {
      const cells = this.#cells(input, rows.length * paddedTokens);
      this.#write(input, cells, rows, paddedTokens);
      tensors[input] = new Tensor('int64', cells, [rows.length, paddedTokens]);
    }
    return { rows: rows.length, paddedTokens, tensors };
  }

  #cells(input: InputName, cells: number): BigInt64Array {
    if (cells > MAX_KEPT_TOKENS) return new BigInt64Array(cells);
    const kept = this.#buffers.get(input);
    if (kept !== undefined && kept.length >= cells) return kept.subarray(0, cells);
    const grown = new BigInt64Array(cells);
    this.#buffers.set(input, grown);
    return grown;
  }

  #write(input: InputName, cells: BigInt64Array, rows: readonly TokenRow[], paddedTokens: number): void {
    const words = new Int32Array(cells.buffer, cells.byteOffset, cells.length * 2);
    words.fill(0);
    // A text is one segment, and segment 0 is what the buffer holds already.
    if (input === 'token_type_ids') return;
    const padValue = input === 'input_ids' ? this.#padId : 0;
    rows.forEach(({ ids }, row) => {
      const begin = row * paddedTokens;
      const first = begin + (this.#leftPadded ? paddedTokens - ids.length : 0);
      if (padValue !== 0) {
        for (let cell = begin; cell < begin + paddedTokens; cell++) words[cell * 2 + LOW_WORD] = padValue;
      }
      for (let i = 0; i < ids.length; i++) {
        const value = input === 'input_ids' ? (ids[i] ?? padValue) : input === 'attention_mask' ? 1 : i;
        words[(first + i) * 2 + LOW_WORD] = value;
      }
    });
  }
}
