// Waiting texts by their length in tokens: which is the nearest length, up or down, at which something waits.
// Lists by length plus a bitmap of two levels, so that a look costs some bit operations however many texts wait.
import { LinkedList, type ListNode } from './linked-list.js';

const WORD_BITS = 32;

export class LengthIndex<Item> {
  readonly #lists = new Map<number, LinkedList<Item>>();
  /** Bit n: something waits at length n. */
  readonly #lengths = new Bits();
  /** Bit n: word n of `#lengths` is not zero. */
  readonly #words = new Bits();

  add(length: number, item: Item, at: 'front' | 'back'): ListNode<Item> {
    let list = this.#lists.get(length);
    if (list === undefined) {
      list = new LinkedList<Item>();
      this.#lists.set(length, list);
      this.#lengths.set(length);
      this.#words.set(Math.floor(length / WORD_BITS));
    }
    return at === 'front' ? list.pushFront(item) : list.pushBack(item);
  }

  /** Removes a node that `add` gave for this length. */
  remove(length: number, node: ListNode<Item>): void {
    const list = this.#lists.get(length);
    if (list === undefined) return;
    list.remove(node);
    if (list.size > 0) return;
    this.#lists.delete(length);
    this.#lengths.clear(length);
    const word = Math.floor(length / WORD_BITS);
    if (this.#lengths.word(word) === 0) this.#words.clear(word);
  }

  /** The first text of exactly this length. */
  firstOf(length: number): Item | undefined {
    return this.#lists.get(length)?.first?.item;
  }

  /** The greatest length up to and including `length` at which something waits; -1: none. */
  atOrBelow(length: number): number {
    const word = Math.floor(length / WORD_BITS);
    const here = highestBit(this.#lengths.word(word) & maskUpTo(length % WORD_BITS));
    if (here >= 0) return word * WORD_BITS + here;
    let summary = Math.floor(word / WORD_BITS);
    let bits = this.#words.word(summary) & maskBelow(word % WORD_BITS);
    while (bits === 0) {
      summary -= 1;
      if (summary < 0) return -1;
      bits = this.#words.word(summary);
    }
    const found = summary * WORD_BITS + highestBit(bits);
    return found * WORD_BITS + highestBit(this.#lengths.word(found));
  }

  /** The smallest length above `length` at which something waits; -1: none. */
  above(length: number): number {
    const from = length + 1;
    const word = Math.floor(from / WORD_BITS);
    const here = lowestBit(this.#lengths.word(word) & ~maskBelow(from % WORD_BITS));
    if (here >= 0) return word * WORD_BITS + here;
    let summary = Math.floor(word / WORD_BITS);
    let bits = this.#words.word(summary) & ~maskUpTo(word % WORD_BITS);
    while (bits === 0) {
      summary += 1;
      if (summary >= this.#words.wordCount) return -1;
      bits = this.#words.word(summary);
    }
    const found = summary * WORD_BITS + lowestBit(bits);
    return found * WORD_BITS + lowestBit(this.#lengths.word(found));
  }
}

/** A bitmap that grows with the greatest bit ever set. */
class Bits {
  #words = new Int32Array(8);

  get wordCount(): number {
    return this.#words.length;
  }

  /** Words beyond the end are empty. */
  word(index: number): number {
    return this.#words[index] ?? 0;
  }

  set(bit: number): void {
    const index = Math.floor(bit / WORD_BITS);
    if (index >= this.#words.length) {
      const grown = new Int32Array(Math.max(index + 1, this.#words.length * 2));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[index] = this.word(index) | (1 << (bit % WORD_BITS));
  }

  clear(bit: number): void {
    const index = Math.floor(bit / WORD_BITS);
    if (index < this.#words.length) this.#words[index] = this.word(index) & ~(1 << (bit % WORD_BITS));
  }
}

/** Bits 0 to n - 1, n < 32. */
function maskBelow(n: number): number {
  return (1 << n) - 1;
}

/** Bits 0 to n, n < 32. */
function maskUpTo(n: number): number {
  return n === WORD_BITS - 1 ? -1 : (1 << (n + 1)) - 1;
}

/** -1 for an empty word. */
function highestBit(word: number): number {
  return WORD_BITS - 1 - Math.clz32(word);
}

/** -1 for an empty word. */
function lowestBit(word: number): number {
  return highestBit(word & -word);
}
