// The texts that wait in one lane, and the batch that is cut from them: an anchor, the text whose turn it is, with
// the waiting texts nearest to it in length. The anchor makes it fair, the neighbours make it dense.
import type { Lane } from '../contracts/lane.js';
import type { CallTicket, WaitingText } from './batch.js';
import { FairOrder, type Turn } from './fair-order.js';
import { IndexedHeap } from './heap.js';
import { LengthIndex } from './length-index.js';
import { LinkedList, type ListNode } from './linked-list.js';

/**
 * A neighbour is left out where it would bring the padding of the batch above this share of what is computed. With
 * many texts waiting padding stays far below it; with few, one more batch is cheaper than padding. In simulations of
 * 16 to 256 waiting texts of ordinary lengths, with runs whose fixed cost is worth 16 or 32 tokens, a tenth together
 * with 32 free tokens came out at or next to the least total cost (a fifth: up to 2 % more; no limit: up to 11 %).
 */
const MOST_PADDING_SHARE = 0.1;
/** Padding up to here is not worth a run of its own, whatever share of a tiny batch it is. */
const FREE_PADDING_TOKENS = 32;
/** rt: texts longer than this many times the anchor (or by more tokens than are free) do not make it wait for them. */
const RT_LONGER_FACTOR = 1.5;
/** Each so many-th batch is anchored on the text that waits longest: a hard bound, whatever the turns say. */
const OLDEST_EVERY_BATCHES = 8;

/** What the queue keeps of an admitted call. */
export class QueuedCall<Payload> implements Turn {
  virtualTime = 0;
  /** Admitted and not added yet. */
  reservedTexts: number;
  isCancelled = false;
  readonly waiting = new LinkedList<QueuedText<Payload>>();
  /** Removed because the deadline passed, and not handed out yet. */
  expired: QueuedText<Payload>[] = [];

  constructor(
    readonly ticket: CallTicket,
    texts: number,
    readonly sequence: number,
  ) {
    this.reservedTexts = texts;
  }
}

/** A text with its place in each of the three orders it stands in; all are null unless it waits. */
export class QueuedText<Payload> implements WaitingText<Payload> {
  byAge: ListNode<QueuedText<Payload>> | null = null;
  byCall: ListNode<QueuedText<Payload>> | null = null;
  byLength: ListNode<QueuedText<Payload>> | null = null;

  constructor(
    readonly owner: QueuedCall<Payload>,
    readonly tokens: number,
    readonly payload: Payload,
    readonly addedAtMs: number,
    readonly sequence: number,
  ) {}

  get call(): CallTicket {
    return this.owner.ticket;
  }
}

export class LaneQueue<Payload> {
  readonly #lane: Lane;
  readonly #byAge = new LinkedList<QueuedText<Payload>>();
  readonly #byLength = new LengthIndex<QueuedText<Payload>>();
  readonly #turns = new FairOrder<QueuedCall<Payload>>();
  /** Calls with a deadline and something waiting. */
  readonly #byDeadline = new IndexedHeap<QueuedCall<Payload>>((a, b) => deadlineOf(a) < deadlineOf(b));
  /** Texts that were given back; they go first. */
  readonly #givenBack = new Set<QueuedText<Payload>>();
  #waitingTokens = 0;
  #batchesTaken = 0;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  get texts(): number {
    return this.#byAge.size;
  }

  get tokens(): number {
    return this.#waitingTokens;
  }

  get oldest(): QueuedText<Payload> | null {
    return this.#byAge.first?.item ?? null;
  }

  /** A text waits that stood in a batch before. */
  get hasGivenBack(): boolean {
    return this.#givenBack.size > 0;
  }

  /** Earliest deadline of a call that has something waiting. */
  get nextDeadlineAtMs(): number | null {
    return this.#byDeadline.first?.ticket.deadlineAtMs ?? null;
  }

  add(text: QueuedText<Payload>): void {
    this.#insert(text, null, 'back');
  }

  /** Puts texts of a batch back, at their old place by age and before all others by turn. */
  giveBack(texts: readonly QueuedText<Payload>[]): void {
    // The list by age is sorted by sequence, so one walk finds all places. In the order of the call the end will do:
    // what was given back is anchored before any turn.
    let place = this.#byAge.first;
    for (const text of [...texts].sort((a, b) => a.sequence - b.sequence)) {
      while (place !== null && place.item.sequence < text.sequence) place = place.after;
      this.#insert(text, place, 'front');
      this.#givenBack.add(text);
    }
  }

  remove(text: QueuedText<Payload>): void {
    const { owner } = text;
    if (text.byAge === null || text.byCall === null || text.byLength === null) return;
    this.#byAge.remove(text.byAge);
    this.#byLength.remove(text.tokens, text.byLength);
    owner.waiting.remove(text.byCall);
    text.byAge = null;
    text.byCall = null;
    text.byLength = null;
    this.#givenBack.delete(text);
    this.#waitingTokens -= text.tokens;
    if (owner.waiting.size > 0) return;
    this.#turns.deactivate(owner);
    this.#byDeadline.remove(owner);
  }

  /** Removes everything that waits of a call, and returns it. */
  removeCall(call: QueuedCall<Payload>): QueuedText<Payload>[] {
    const removed: QueuedText<Payload>[] = [];
    for (let node = call.waiting.first; node !== null; node = call.waiting.first) {
      removed.push(node.item);
      this.remove(node.item);
    }
    return removed;
  }

  /** A call with waiting texts whose deadline is `nowMs` or earlier. */
  nextExpired(nowMs: number): QueuedCall<Payload> | null {
    const call = this.#byDeadline.first;
    return call !== undefined && deadlineOf(call) <= nowMs ? call : null;
  }

  /**
   * Removes the next batch from the queue and returns it; empty only where nothing waits. Its padded tokens stay
   * within `maxTokens` unless the anchor alone has more.
   */
  take(maxTokens: number): QueuedText<Payload>[] {
    const anchor = this.#anchor();
    if (anchor === null) return [];
    this.#batchesTaken += 1;
    const texts = [anchor];
    this.remove(anchor);
    let longest = anchor.tokens;
    let sum = anchor.tokens;
    const longestAllowed =
      this.#lane === 'rt'
        ? Math.max(anchor.tokens * RT_LONGER_FACTOR, anchor.tokens + FREE_PADDING_TOKENS)
        : Number.POSITIVE_INFINITY;
    const fits = (tokens: number) => {
      const padded = (texts.length + 1) * Math.max(longest, tokens);
      const padding = padded - sum - tokens;
      return padded <= maxTokens && padding <= Math.max(FREE_PADDING_TOKENS, padded * MOST_PADDING_SHARE);
    };
    for (;;) {
      const shorter = this.#byLength.atOrBelow(longest);
      const longer = this.#byLength.above(longest);
      const canShorter = shorter >= 0 && fits(shorter);
      const canLonger = longer >= 0 && longer <= longestAllowed && fits(longer);
      if (!canShorter && !canLonger) break;
      // Padding that either choice adds: one short row, or one more column under each row so far.
      const takeLonger = canLonger && (!canShorter || (longer - longest) * texts.length < longest - shorter);
      const text = this.#byLength.firstOf(takeLonger ? longer : shorter);
      if (text === undefined) break;
      texts.push(text);
      this.remove(text);
      longest = Math.max(longest, text.tokens);
      sum += text.tokens;
    }
    this.#charge(texts, sum, maxTokens);
    return texts;
  }

  #anchor(): QueuedText<Payload> | null {
    for (const text of this.#givenBack) return text;
    const nextTurn = this.#turns.next?.waiting.first?.item ?? null;
    const isTurnOfOldest = this.#batchesTaken % OLDEST_EVERY_BATCHES === OLDEST_EVERY_BATCHES - 1;
    return isTurnOfOldest ? this.oldest : nextTurn;
  }

  #charge(texts: readonly QueuedText<Payload>[], sum: number, leadTokens: number): void {
    for (const text of texts) this.#turns.charge(text.owner, text.tokens, leadTokens);
    this.#turns.advance(sum, leadTokens);
  }

  #insert(
    text: QueuedText<Payload>,
    olderThan: ListNode<QueuedText<Payload>> | null,
    inLength: 'front' | 'back',
  ): void {
    const { owner } = text;
    text.byAge = this.#byAge.insertBefore(olderThan, text);
    text.byLength = this.#byLength.add(text.tokens, text, inLength);
    text.byCall = owner.waiting.pushBack(text);
    this.#waitingTokens += text.tokens;
    if (owner.waiting.size > 1) return;
    this.#turns.activate(owner);
    if (owner.ticket.deadlineAtMs !== null) this.#byDeadline.add(owner);
  }
}

function deadlineOf(call: QueuedCall<unknown>): number {
  return call.ticket.deadlineAtMs ?? Number.POSITIVE_INFINITY;
}
