// Refuses a call that TypeScript would have refused, for callers who write JavaScript or pass on what they were
// sent: nothing of a wrong type reaches a queue.
import type { EmbedInput } from '../contracts/embedding.js';
import { LANES } from '../contracts/lane.js';
import { fail } from '../errors.js';

/** @throws E_INVALID_REQUEST naming the field, E_TEXT_TOO_LARGE */
export function checkRequest(texts: unknown, options: unknown, maxTextCharacters: number): void {
  if (!Array.isArray(texts)) throw refuse('texts', `must be an array of strings, is ${typeName(texts)}`);
  if (texts.length === 0) throw refuse('texts', 'is empty; give at least one text');
  const wrong = texts.findIndex((text) => typeof text !== 'string' && !isTokenIds(text));
  if (wrong >= 0) throw refuse(`texts[${wrong}]`, `must be a string, is ${typeName(texts[wrong])}`);
  const large = texts.findIndex((text: EmbedInput) => text.length > maxTextCharacters);
  if (large >= 0) {
    throw fail('E_TEXT_TOO_LARGE', { index: large, characters: texts[large].length, limit: maxTextCharacters });
  }
  if (typeof options !== 'object' || options === null)
    throw refuse('options', `must be an object, is ${typeName(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const check = CHECKS.get(name);
    if (check === undefined) throw refuse(name, `is not an option; there are ${[...CHECKS.keys()].join(', ')}`);
    const problem = check(value);
    if (problem !== null) throw refuse(name, problem);
  }
  const { prompt, promptName } = options as { prompt?: unknown; promptName?: unknown };
  if (prompt !== undefined && promptName !== undefined) throw refuse('prompt', 'and promptName exclude each other');
}

/** What a timer can hold: about 24 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

type Check = (value: unknown) => string | null;

const isText: Check = (value) => (typeof value === 'string' ? null : `must be a string, is ${typeName(value)}`);

const isPositive: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0
    ? null
    : `must be a positive number, is ${String(value)}`;

const CHECKS = new Map<string, Check>([
  [
    'profile',
    (value) => (LANES.some((lane) => lane === value) ? null : `must be ${LANES.join(' or ')}, is ${String(value)}`),
  ],
  [
    'models',
    (value) =>
      Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '')
        ? repeated(value)
        : 'must be a list of at least one alias',
  ],
  ['dimensions', (value) => (Number.isInteger(value) ? isPositive(value) : `must be an integer, is ${String(value)}`)],
  ['promptName', isText],
  ['prompt', isText],
  ['truncate', (value) => (typeof value === 'boolean' ? null : `must be true or false, is ${typeName(value)}`)],
  [
    'timeoutMs',
    (value) => isPositive(value) ?? (Number(value) > MAX_TIMEOUT_MS ? `is ${value}, limit ${MAX_TIMEOUT_MS}` : null),
  ],
  ['signal', (value) => (value instanceof AbortSignal ? null : `must be an AbortSignal, is ${typeName(value)}`)],
  ['tenantId', isText],
  ['idempotencyKey', isText],
  ['requestId', isText],
]);

function repeated(names: readonly string[]): string | null {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? null : `names "${twice}" twice`;
}

function isTokenIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0);
}

function refuse(param: string, problem: string) {
  return fail('E_INVALID_REQUEST', { param, problem });
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}
