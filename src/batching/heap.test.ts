// The heap against sorting.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IndexedHeap } from './heap.js';

interface Item {
  rank: number;
}

it('always has the least item first, whatever is added, removed or moved', () => {
  const change = fc.record({
    kind: fc.constantFrom('add', 'remove', 'move'),
    rank: fc.nat({ max: 50 }),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const heap = new IndexedHeap<Item>((a, b) => a.rank < b.rank);
      const present: Item[] = [];
      for (const { kind, rank, pick } of changes) {
        const item = present[pick % Math.max(1, present.length)];
        if (kind === 'add' || item === undefined) {
          const added = { rank };
          present.push(added);
          heap.add(added);
        } else if (kind === 'move') {
          item.rank = rank;
          heap.moved(item);
        } else {
          present.splice(present.indexOf(item), 1);
          heap.remove(item);
          heap.remove(item);
          expect(heap.has(item)).toBe(false);
        }
        expect(heap.size).toBe(present.length);
        expect(heap.first?.rank).toBe(present.length === 0 ? undefined : Math.min(...present.map((each) => each.rank)));
      }
    }),
  );
});
