// The kinds of values that a setting can have: how each is read from the text of a variable, and how a value given in
// code is held to the same limits. Faults are Errors whose messages say what is wrong with the value.
import { homedir } from 'node:os';
import path from 'node:path';

export interface Format<Value> {
  /** From the text of a variable. @throws Error */
  readonly parse: (text: string) => Value;
  /** From a value given in code. @throws Error */
  readonly check: (value: unknown) => Value;
}

/** A value as a message shows it: short, and of what kind it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A format whose values are texts, so that both ways are the same but for the type. */
export function textFormat<Value extends string>(parse: (text: string) => Value): Format<Value> {
  return {
    parse,
    check(value) {
      if (typeof value !== 'string') throw new Error(`${shown(value)} is not a string`);
      if (value.trim() === '') throw new Error('it is empty');
      return parse(value);
    },
  };
}

export const text = textFormat((value) => value);

export const directory = textFormat((value) => path.resolve(value.replace(/^~(?=$|\/)/, homedir())));

export const httpUrl = textFormat((value) => {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('it is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`"${url.protocol}" is not http: or https:`);
  }
  return value;
});

export function oneOf<const Choice extends string>(...choices: Choice[]): Format<Choice> {
  return textFormat((value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Error(`"${value}" is not one of ${choices.join(', ')}`);
    return found;
  });
}

export function integer(min: number, max: number): Format<number> {
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error(`${shown(value)} is not an integer`);
    if (value < min || value > max) throw new Error(`${value} is outside ${min} to ${max}`);
    return value;
  };
  return { check, parse: (value) => check(/^[+-]?\d+$/.test(value) ? Number(value) : value) };
}

export const flag: Format<boolean> = {
  parse(value) {
    if (value === '1' || value === 'true') return true;
    if (value === '0' || value === 'false') return false;
    throw new Error(`"${value}" is not one of 1, 0, true, false`);
  },
  check(value) {
    if (typeof value !== 'boolean') throw new Error(`${shown(value)} is not true or false`);
    return value;
  },
};

export function commaList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Runs every part, so that the faults of all come in one message. @throws Error */
export function allOf<Part, Value>(parts: Iterable<Part>, read: (part: Part) => Value): Value[] {
  const values: Value[] = [];
  const problems: string[] = [];
  for (const part of parts) {
    try {
      values.push(read(part));
    } catch (error) {
      problems.push(problemOf(error));
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
  return values;
}

export function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
