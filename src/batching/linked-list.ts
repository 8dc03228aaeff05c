// A doubly linked list. A text stands in three orders at once (age, its call, its length) and leaves all of them
// together; removal by node in O(1) means that nothing is deleted lazily and no memory outlives its text.

export interface ListNode<Item> {
  readonly item: Item;
  before: ListNode<Item> | null;
  after: ListNode<Item> | null;
}

export class LinkedList<Item> {
  #first: ListNode<Item> | null = null;
  #last: ListNode<Item> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): ListNode<Item> | null {
    return this.#first;
  }

  pushBack(item: Item): ListNode<Item> {
    return this.insertBefore(null, item);
  }

  pushFront(item: Item): ListNode<Item> {
    return this.insertBefore(this.#first, item);
  }

  /** Inserts before `after`, a node of this list; null: at the end. */
  insertBefore(after: ListNode<Item> | null, item: Item): ListNode<Item> {
    const before = after === null ? this.#last : after.before;
    const node: ListNode<Item> = { item, before, after };
    if (before === null) this.#first = node;
    else before.after = node;
    if (after === null) this.#last = node;
    else after.before = node;
    this.#size += 1;
    return node;
  }

  /** Removes a node of this list. It must not be removed twice. */
  remove(node: ListNode<Item>): void {
    if (node.before === null) this.#first = node.after;
    else node.before.after = node.after;
    if (node.after === null) this.#last = node.before;
    else node.after.before = node.before;
    this.#size -= 1;
  }
}
