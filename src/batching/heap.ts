// A binary heap whose items can be removed or moved from the middle: what is due next among many, in O(log n).

export class IndexedHeap<Item> {
  readonly #items: Item[] = [];
  readonly #places = new Map<Item, number>();
  readonly #before: (a: Item, b: Item) => boolean;

  /** `before(a, b)` says whether a leaves the heap before b; it may only change for an item through `moved`. */
  constructor(before: (a: Item, b: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  has(item: Item): boolean {
    return this.#places.has(item);
  }

  /** Adds an item that is not in the heap yet. */
  add(item: Item): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  /** Removes the item; does nothing where it is not in the heap. */
  remove(item: Item): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#settle(place, last);
  }

  /** Finds the item's new place after its order changed; does nothing where it is not in the heap. */
  moved(item: Item): void {
    const place = this.#places.get(item);
    if (place !== undefined) this.#settle(place, item);
  }

  #settle(place: number, item: Item): void {
    if (this.#rise(place, item) === place) this.#sink(place, item);
  }

  #rise(from: number, item: Item): number {
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = this.#items[parentPlace];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(place, parent);
      place = parentPlace;
    }
    this.#put(place, item);
    return place;
  }

  #sink(from: number, item: Item): void {
    let place = from;
    for (;;) {
      let childPlace = 2 * place + 1;
      let child = this.#items[childPlace];
      if (child === undefined) break;
      const right = this.#items[childPlace + 1];
      if (right !== undefined && this.#before(right, child)) {
        childPlace += 1;
        child = right;
      }
      if (!this.#before(child, item)) break;
      this.#put(place, child);
      place = childPlace;
    }
    this.#put(place, item);
  }

  #put(place: number, item: Item): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }
}
