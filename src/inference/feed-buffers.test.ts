import { describe, expect, it } from 'vitest';
import { FeedBuffers } from './feed-buffers.js';
import type { TokenRow } from './token-row.js';

function rows(...texts: number[][]): TokenRow[] {
  return texts.map((ids) => ({ ids: Int32Array.from(ids), promptTokens: 0, fullLength: ids.length }));
}

function cells(feeds: FeedBuffers, texts: TokenRow[], input: string): number[] {
  // Cast: an int64 tensor holds a BigInt64Array.
  return Array.from(feeds.fill(texts).tensors[input]?.data as BigInt64Array, Number);
}

describe('feed buffers', () => {
  it('pad on the right with the padding id, and mask it', () => {
    const feeds = new FeedBuffers(['input_ids', 'attention_mask'], { padId: 1, paddingSide: 'right' });
    const batch = rows([5, 6, 7], [8]);
    expect(feeds.fill(batch)).toMatchObject({ rows: 2, paddedTokens: 3 });
    expect(cells(feeds, batch, 'input_ids')).toEqual([5, 6, 7, 8, 1, 1]);
    expect(cells(feeds, batch, 'attention_mask')).toEqual([1, 1, 1, 1, 0, 0]);
  });

  it('pad on the left where the model says so; positions then start at the text', () => {
    const feeds = new FeedBuffers(['input_ids', 'attention_mask', 'position_ids'], { padId: 9, paddingSide: 'left' });
    const batch = rows([5, 6, 7], [8, 4]);
    expect(cells(feeds, batch, 'input_ids')).toEqual([5, 6, 7, 9, 8, 4]);
    expect(cells(feeds, batch, 'attention_mask')).toEqual([1, 1, 1, 0, 1, 1]);
    expect(cells(feeds, batch, 'position_ids')).toEqual([0, 1, 2, 0, 0, 1]);
  });

  it('feed only what the graph declares', () => {
    const feeds = new FeedBuffers(['input_ids'], { padId: 0, paddingSide: 'right' });
    expect(Object.keys(feeds.fill(rows([1])).tensors)).toEqual(['input_ids']);
  });

  it('leave nothing of a batch in the next one', () => {
    const feeds = new FeedBuffers(['input_ids', 'token_type_ids'], { padId: 0, paddingSide: 'right' });
    feeds.fill(rows([11, 12, 13, 14], [15, 16, 17, 18]));
    const next = rows([1, 2], [3]);
    expect(cells(feeds, next, 'input_ids')).toEqual([1, 2, 3, 0]);
    expect(cells(feeds, next, 'token_type_ids')).toEqual([0, 0, 0, 0]);
  });
});
