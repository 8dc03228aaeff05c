import { describe, expect, it } from 'vitest';
import { createFormat, type Format, type FormatName, type ResultRow } from './formats.js';
import { NPY_HEADER_BYTES } from './npy.js';

const ROW = { model: 'minilm', fingerprint: '0123456789abcdef', variant: 'int8', error: null };
const ROWS: readonly ResultRow[] = [
  { ...ROW, index: 0, text: 'first', vector: Float32Array.of(0.6, 0.8) },
  { ...ROW, index: 1, text: 'poison', vector: null, error: { code: 'E_TEXT_POISON', message: 'It failed.' } },
  { ...ROW, index: 2, text: '三番目', vector: Float32Array.of(-1, 0) },
];

const plain = (_: string, text: string) => text;
const create = (name: FormatName, rowCount: number | null = null) =>
  createFormat(name, { dim: 2, rowCount, paint: plain });

/** Rows in two groups, as they arrive from two calls. */
function all(format: Format): string {
  return `${format.start}${format.rows(ROWS.slice(0, 1))}${format.rows(ROWS.slice(1))}${format.end()}`;
}

describe('jsonl', () => {
  it('writes one object a text, with the shortest text of every float', () => {
    const lines = all(create('jsonl')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { index: 0, model: 'minilm', dim: 2, fingerprint: ROW.fingerprint, vector: [0.6, 0.8] },
      { index: 1, model: 'minilm', error: { code: 'E_TEXT_POISON', message: 'It failed.' } },
      { index: 2, model: 'minilm', dim: 2, fingerprint: ROW.fingerprint, vector: [-1, 0] },
    ]);
  });
});

describe('json', () => {
  it('is one array of the same rows', () => {
    const rows = JSON.parse(all(create('json')));
    expect(rows.map((row: { index: number }) => row.index)).toEqual([0, 1, 2]);
  });

  it('is an empty array for no rows', () => {
    const format = create('json');
    expect(`${format.start}${format.end()}`).toBe('[]\n');
  });
});

describe('npy', () => {
  it('has a header of fixed size, corrected when the rows are counted', () => {
    const format = create('npy');
    const corrected = Buffer.from(format.correctedStart(3) ?? []);
    expect(format.start).toHaveLength(NPY_HEADER_BYTES);
    expect(corrected).toHaveLength(NPY_HEADER_BYTES);
    const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    expect(corrected.toString('latin1')).toBe(`\x93NUMPY\x01\x00v\x00${dictionary.padEnd(117)}\n`);
  });

  it('needs no correction where the count was known', () => {
    expect(create('npy', 3).correctedStart(3)).toBeNull();
  });

  it('keeps row i for text i: a failed text is NaN', () => {
    const bytes = Buffer.from(create('npy').rows(ROWS));
    const floats = Array.from({ length: bytes.length / 4 }, (_, position) => bytes.readFloatLE(position * 4));
    expect(floats).toEqual([Math.fround(0.6), Math.fround(0.8), Number.NaN, Number.NaN, -1, 0]);
  });
});

describe('table', () => {
  it('shows each text, the first floats, the norm, and which model it was', () => {
    const [head, first, failed, third, facts] = all(create('table')).split('\n');
    expect(head).toContain('vector begins');
    expect(first).toMatch(/^ {4}1 {2}first +0\.6000 +0\.8000 +1\.0000$/);
    expect(failed).toMatch(/poison +E_TEXT_POISON$/);
    expect(third).toMatch(/三番目 +-1\.0000 +0\.0000 +1\.0000$/);
    expect(facts).toBe('minilm (int8), 2 dimensions, fingerprint 0123456789abcdef');
  });
});
