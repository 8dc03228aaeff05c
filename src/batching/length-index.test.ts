// The index of waiting lengths against a plain sorted list.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LengthIndex } from './length-index.js';
import type { ListNode } from './linked-list.js';

const length = fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 5000 }), fc.nat({ max: 200_000 }));

it('finds the nearest waiting lengths, up and down, as texts come and go', () => {
  const change = fc.record({ isAdd: fc.boolean(), length, pick: fc.nat({ max: 1000 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.array(length, { maxLength: 10 }), (changes, asked) => {
      const index = new LengthIndex<number>();
      const present: { length: number; node: ListNode<number> }[] = [];
      for (const { isAdd, length: at, pick } of changes) {
        if (isAdd) present.push({ length: at, node: index.add(at, at, 'back') });
        else {
          const [gone] = present.splice(pick % Math.max(1, present.length), 1);
          if (gone !== undefined) index.remove(gone.length, gone.node);
        }
      }
      const lengths = present.map((entry) => entry.length);
      for (const at of [...asked, ...lengths, 0, 31, 32, 1023, 1024]) {
        expect(index.atOrBelow(at)).toBe(Math.max(-1, ...lengths.filter((other) => other <= at)));
        const above = lengths.filter((other) => other > at);
        expect(index.above(at)).toBe(above.length === 0 ? -1 : Math.min(...above));
        expect(index.firstOf(at)).toBe(lengths.includes(at) ? at : undefined);
      }
    }),
  );
});

it('keeps texts of one length in their order, except those put in front', () => {
  const index = new LengthIndex<string>();
  const first = index.add(7, 'first', 'back');
  index.add(7, 'second', 'back');
  expect(index.firstOf(7)).toBe('first');
  index.remove(7, first);
  expect(index.firstOf(7)).toBe('second');
  index.add(7, 'front', 'front');
  expect(index.firstOf(7)).toBe('front');
});
