import { describe, expect, it } from 'vitest';
import { displayWidth, fitToWidth, oneLine } from './display-width.js';

describe('displayWidth', () => {
  it.each([
    ['abc', 3],
    ['日本語', 6],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['Привет', 6],
    ['', 0],
  ])('%s takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('fitToWidth', () => {
  it.each([
    'short',
    'exactly ten',
    'a text that is much longer than ten columns',
    '日本語のとても長い文章',
    '日本',
    'x日本語日本語日本語',
  ])('makes %s exactly ten columns wide', (text) => {
    expect(displayWidth(fitToWidth(text, 10))).toBe(10);
  });

  it('marks what was cut', () => {
    expect(oneLine('a text that is cut', 10)).toBe('a text th…');
  });

  it('leaves a text that just fits whole', () => {
    expect(oneLine('0123456789', 10)).toBe('0123456789');
  });

  it('keeps one line and lets no control sequence through', () => {
    expect(oneLine('two\nlines\tand \u001b[31mred', 40)).toBe('two lines and ·[31mred');
  });
});
