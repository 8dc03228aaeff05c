// Whose turn it is among the calls of one lane: each call has a virtual time that advances with the tokens computed
// for it, and the call that is furthest behind is next (as in Linux' CFS; V follows weighted fair queueing). So a
// single text does not wait behind the 2,048 texts of another call, and every call gets its share.
//
// Tags fixed for each text at its arrival (classic WFQ) would not do: a batch is filled with texts of fitting length
// from the middle of other calls, so those calls would be charged for texts that they already had, or V would run
// past texts that were left standing, and a new small call would queue behind all of these. Charging the call for
// what was really computed has neither fault.
import { IndexedHeap } from './heap.js';

/** What the order keeps with a call; the caller stores it and does not touch it. */
export interface Turn {
  /** Tie-break: earlier calls first. */
  readonly sequence: number;
  virtualTime: number;
}

export class FairOrder<Call extends Turn> {
  readonly #active = new IndexedHeap<Call>(
    (a, b) => a.virtualTime < b.virtualTime || (a.virtualTime === b.virtualTime && a.sequence < b.sequence),
  );
  /** V: where a call that has had nothing yet stands. */
  #virtualTime = 0;

  /** Calls with something waiting. */
  get size(): number {
    return this.#active.size;
  }

  get next(): Call | undefined {
    return this.#active.first;
  }

  /** The call has something waiting now. Time in which it had nothing is not saved up. */
  activate(call: Call): void {
    if (this.#active.has(call)) return;
    call.virtualTime = Math.max(call.virtualTime, this.#virtualTime);
    this.#active.add(call);
  }

  /** The call has nothing waiting any more. */
  deactivate(call: Call): void {
    this.#active.remove(call);
  }

  /**
   * One batch of `tokens` in all was bound; V advances by an active call's equal share of it.
   * @param leadTokens how far V may be ahead of the call that is furthest behind. It bounds what a new call has to
   *   wait for; without the advance, an endless stream of new calls could hold an old one at its place.
   */
  advance(tokens: number, leadTokens: number): void {
    this.#virtualTime += tokens / Math.max(1, this.#active.size);
    const furthestBehind = this.#active.first?.virtualTime;
    if (furthestBehind === undefined) return;
    this.#virtualTime = Math.min(Math.max(this.#virtualTime, furthestBehind), furthestBehind + leadTokens);
  }

  /**
   * Charges a call for `tokens` of a batch. A call is never charged further than `leadTokens` past V: texts that rode
   * along in other calls' batches took room that would have stood empty, and must not cost the call its own turns.
   */
  charge(call: Call, tokens: number, leadTokens: number): void {
    const furthest = Math.max(call.virtualTime, this.#virtualTime + leadTokens);
    call.virtualTime = Math.min(call.virtualTime + tokens, furthest);
    this.#active.moved(call);
  }
}
