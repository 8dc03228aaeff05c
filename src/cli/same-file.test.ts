import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSameFile } from './same-file.js';

let folder: string;
const inFolder = (name: string) => path.join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'embedq-same-file-'));
  writeFileSync(inFolder('texts.txt'), 'a\n');
  writeFileSync(inFolder('other.txt'), 'a\n');
  symlinkSync('texts.txt', inFolder('symbolic.txt'));
  linkSync(inFolder('texts.txt'), inFolder('hard.txt'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('isSameFile', () => {
  it.each(['texts.txt', './texts.txt', 'symbolic.txt', 'hard.txt'])('sees through the name %s', (name) => {
    expect(isSameFile(inFolder('texts.txt'), `${folder}/${name}`)).toBe(true);
  });

  it('tells other files, missing files and devices apart', () => {
    expect(isSameFile(inFolder('texts.txt'), inFolder('other.txt'))).toBe(false);
    expect(isSameFile(inFolder('texts.txt'), inFolder('missing.txt'))).toBe(false);
    expect(isSameFile('/dev/null', '/dev/null')).toBe(false);
  });
});
