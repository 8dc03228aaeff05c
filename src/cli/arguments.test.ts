import type { ArgsDef } from 'citty';
import { describe, expect, it } from 'vitest';
import { checkArguments, integerOption } from './arguments.js';

const DEFINITIONS: ArgsDef = {
  texts: { type: 'positional', required: false },
  file: { type: 'string', alias: 'f' },
  format: { type: 'enum', options: ['jsonl', 'npy'] },
  'prompt-name': { type: 'string' },
  truncate: { type: 'boolean', default: true },
  json: { type: 'boolean' },
};

const check = (...rawArgs: string[]) => checkArguments(rawArgs, DEFINITIONS, 2);
const refusal = (problem: string) =>
  expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(problem) });

describe('checkArguments', () => {
  it.each([
    [['one', 'two']],
    [['--file', 'a.txt', '--format=npy']],
    [['-f', 'a.txt']],
    [['--file', '-']],
    [['--file=-odd-name.txt']],
    [['--prompt-name', 'query', '--no-truncate']],
    [['--', '--looks-like-an-option', '-5']],
    [['--json', 'text']],
  ])('accepts %j', (rawArgs) => {
    expect(() => check(...rawArgs)).not.toThrow();
  });

  it.each([
    [['--fiel', 'a.txt'], 'unknown option --fiel; did you mean --file?'],
    [['--prompt-nam', 'x'], 'did you mean --prompt-name?'],
    [['-x'], 'unknown option -x'],
    [['--no-file'], 'unknown option --no-file'],
    [['--file'], '--file needs a value'],
    [['--file', '--json'], '--file needs a value'],
    [['--format', 'csv'], '--format is "csv", it can be jsonl, npy'],
    [['--json=yes'], '--json takes no value'],
    [['--no-truncate=1'], '--no-truncate takes no value'],
    [['--file', 'a', '-f', 'b'], '--file is given twice'],
    [['--truncate', '--no-truncate'], '--truncate is given twice'],
    [['one', 'two', 'three'], 'unexpected argument "three"'],
  ])('refuses %j', (rawArgs, problem) => {
    expect(() => check(...rawArgs)).toThrowError(refusal(problem));
  });
});

describe('integerOption', () => {
  it('reads an integer in its range', () => {
    expect(integerOption('dimensions', '128', 1, 384)).toBe(128);
    expect(integerOption('dimensions', undefined, 1, 384)).toBeUndefined();
  });

  it.each(['0', '385', '1.5', '-3', 'many', '', '1e2'])('refuses %j', (value) => {
    expect(() => integerOption('dimensions', value, 1, 384)).toThrowError(refusal('from 1 to 384'));
  });
});
