import { describe, expect, it } from 'vitest';
import { readProblem, writeProblem } from './file-problem.js';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: raw words, open 'out/.x.jsonl.1.ab.tmp'`), { code });
}

describe('what is wrong with a file', () => {
  it.each([
    ['ENOENT', 'the folder out does not exist'],
    ['ENOTDIR', 'out is not a folder'],
    ['EACCES', 'no permission'],
    ['ENOSPC', 'no space left on the device'],
  ])('says %s of a file to write as "%s"', (code, problem) => {
    expect(writeProblem('out/x.jsonl', systemError(code))).toBe(problem);
  });

  it('says that a file to read does not exist', () => {
    expect(readProblem('in/x.txt', systemError('ENOENT'))).toBe('it does not exist');
    expect(readProblem('in/x.txt', systemError('EACCES'))).toBe('no permission');
  });

  it('passes on what it does not know', () => {
    expect(writeProblem('x', new Error('it is odd'))).toBe('it is odd');
  });
});
