import { describe, expect, it } from 'vitest';
import { prepareTokenizerJson } from './tokenizer-json.js';

function normalizerAfter(normalizer: unknown, lowercase: boolean): unknown {
  return JSON.parse(prepareTokenizerJson(JSON.stringify({ normalizer }), { lowercase }).json).normalizer;
}

const bert = { type: 'BertNormalizer', lowercase: false };
const lower = { type: 'Lowercase' };

describe('prepareTokenizerJson', () => {
  it('removes truncation and padding and keeps everything else', () => {
    const own = { version: '1.0', truncation: { max_length: 128 }, padding: { pad_id: 0 }, model: { type: 'BPE' } };
    const { json } = prepareTokenizerJson(JSON.stringify(own), { lowercase: false });
    expect(JSON.parse(json)).toMatchObject({ version: '1.0', truncation: null, padding: null, model: { type: 'BPE' } });
  });

  it('puts Lowercase first where it is asked for and not there', () => {
    expect(normalizerAfter(bert, true)).toEqual({ type: 'Sequence', normalizers: [lower, bert] });
    expect(normalizerAfter(null, true)).toEqual({ type: 'Sequence', normalizers: [lower] });
    const sequence = { type: 'Sequence', normalizers: [bert] };
    expect(normalizerAfter(sequence, true)).toEqual({ type: 'Sequence', normalizers: [lower, bert] });
  });

  it.each([
    ['is not asked for', bert, false],
    ['is there', lower, true],
    ['is there in a sequence', { type: 'Sequence', normalizers: [bert, lower] }, true],
  ])('changes no normaliser where Lowercase %s', (_, normalizer, lowercase) => {
    expect(normalizerAfter(normalizer, lowercase)).toEqual(normalizer);
  });

  it('names the special tokens', () => {
    const added_tokens = [
      { id: 3, special: true },
      { id: 4, special: false },
    ];
    expect(prepareTokenizerJson(JSON.stringify({ added_tokens }), { lowercase: false }).specialIds).toEqual(
      new Set([3]),
    );
  });
});
