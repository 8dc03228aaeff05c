import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type InputFormat, openTextSource, readTexts, type TextRow } from './read-texts.js';

async function read(
  bytes: Uint8Array | string,
  format: InputFormat | null,
  name = 'stdin',
  chunkBytes = 7,
): Promise<TextRow[]> {
  const whole = Buffer.from(bytes);
  async function* chunks() {
    for (let start = 0; start < whole.length; start += chunkBytes) yield whole.subarray(start, start + chunkBytes);
  }
  const rows: TextRow[] = [];
  const source = { name, sizeBytes: whole.length, chunks: chunks(), close() {} };
  for await (const row of readTexts(source, format, 64)) rows.push(row);
  return rows;
}

const texts = async (...given: Parameters<typeof read>) => (await read(...given)).map((row) => row.text);
const refusal = (line: number, problem: string) =>
  expect.objectContaining({
    code: 'E_INPUT_ROW_INVALID',
    details: expect.objectContaining({ line, problem: expect.stringContaining(problem) }),
  });

describe('a .txt', () => {
  it('has a text a line, blanks and empty lines kept', async () => {
    expect(await texts(' one \n\ntwo\r\nthree', 'txt')).toEqual([' one ', '', 'two', 'three']);
  });

  it('may be empty, and may begin with a byte order mark', async () => {
    expect(await texts('', 'txt')).toEqual([]);
    expect(await texts('\ufeffone\n\ufefftwo\n', 'txt')).toEqual(['one', '\ufefftwo']);
  });

  it('gives back any lines, however the chunks fall', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replace(/[\r\n]|^\ufeff/g, ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), fc.integer({ min: 1, max: 20 }), async (lines, chunkBytes) => {
        fc.pre(lines.every((one) => Buffer.byteLength(one) <= 64));
        expect(await texts(lines.map((one) => `${one}\n`).join(''), 'txt', 'stdin', chunkBytes)).toEqual(lines);
      }),
      { numRuns: 100 },
    );
  });

  it('tells how far each text reaches into the file', async () => {
    const rows = await read('ab\r\nü\nend', 'txt');
    expect(rows.map((row) => row.endOffset)).toEqual([4, 7, 10]);
  });

  it('is refused at a line that is not UTF-8', async () => {
    await expect(read(Buffer.from([0x61, 0x0a, 0xc3, 0x28, 0x0a]), 'txt')).rejects.toThrowError(
      refusal(2, 'not valid UTF-8'),
    );
  });

  it('is refused at a line beyond the limit, ended or not', async () => {
    await expect(read(`ok\n${'x'.repeat(65)}\n`, 'txt')).rejects.toThrowError(refusal(2, 'longer than 64 bytes'));
    await expect(read(`ok\n${'x'.repeat(65)}`, 'txt')).rejects.toThrowError(refusal(2, 'longer than 64 bytes'));
  });
});

describe('a .jsonl', () => {
  it('has a string or an object with "text" a line; blank lines are skipped', async () => {
    expect(await texts('"one"\n\n{"id": 7, "text": "two"}\n  \n"\\u00fc"', 'jsonl')).toEqual(['one', 'two', 'ü']);
  });

  it.each([
    ['{"text": 5}', 'its "text" is not a string'],
    ['{"texts": "x"}', 'the object has no "text"'],
    ['{"text": "x"', 'not valid JSON'],
    ['42', 'it is 42'],
    ['null', 'it is null'],
    ['["x"]', 'it is an array'],
  ])('is refused at %s', async (line, problem) => {
    await expect(read(`"fine"\n\n${line}\n`, 'jsonl')).rejects.toThrowError(refusal(3, problem));
  });
});

describe('the format', () => {
  it('goes by the ending', async () => {
    expect(await texts('"one"\n', null, 'a.ndjson')).toEqual(['one']);
    expect(await texts('{"text": "one"}\n', null, 'a.txt')).toEqual(['{"text": "one"}']);
  });

  it('goes by the first line where there is no ending', async () => {
    expect(await texts('{"text": "one"}\n"two"\n', null)).toEqual(['one', 'two']);
    expect(await texts('{curly} words\n', null)).toEqual(['{curly} words']);
    expect(await texts('"quoted"\n', null)).toEqual(['"quoted"']);
  });

  it('is what the caller says before all', async () => {
    expect(await texts('{"text": "one"}\n', 'txt', 'a.jsonl')).toEqual(['{"text": "one"}']);
  });
});

describe('openTextSource', () => {
  it('refuses what is not there and what is a folder', async () => {
    const unreadable = expect.objectContaining({ code: 'E_FILE_UNREADABLE' });
    await expect(openTextSource('/no/such/file.txt')).rejects.toThrowError(unreadable);
    await expect(openTextSource(import.meta.dirname)).rejects.toThrowError(unreadable);
  });
});
