// Checks bodies against zod schemas and turns what is wrong into one E_INVALID_REQUEST that names the field.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { jsonTypeName } from '../contracts/wire.js';
import { type EmbedqError, fail } from '../errors.js';

/** Field names come from the caller; a message repeats no more of one than this. */
const MAX_NAME_LENGTH = 64;

type Issue = z.core.$ZodIssue;

/** Makes `schema: { body }` of the app's routes take zod schemas. */
export function registerValidation(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data: unknown) => {
    const parsed = schema.safeParse(data, { reportInput: true });
    return parsed.success ? { value: parsed.data } : { error: invalidRequest(parsed.error.issues, data) };
  });
}

function invalidRequest(issues: readonly Issue[], body: unknown): EmbedqError {
  if (body === undefined || body === null)
    return fail('E_INVALID_REQUEST', { problem: 'The body must be a JSON object.' });
  const found = issues[0];
  if (found === undefined) return fail('E_INVALID_REQUEST', { problem: 'The body is not valid.' });
  const issue = deepest(found, []);
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.slice(0, 3).map((key) => key.slice(0, MAX_NAME_LENGTH));
    const problem = `Unrecognized request argument supplied: ${keys.join(', ')}`;
    return fail('E_INVALID_REQUEST', { problem });
  }
  const param = fieldName(issue.path);
  const problem = describe(issue);
  return fail('E_INVALID_REQUEST', param === '' ? { problem: `The body ${problem}.` } : { param, problem });
}

/** Of a union's branches the one that fitted best: whose first problem lies deepest. */
function deepest(issue: Issue, parentPath: readonly PropertyKey[]): Issue {
  const located = { ...issue, path: [...parentPath, ...issue.path] };
  if (located.code !== 'invalid_union') return located;
  const branches = located.errors.flatMap(([first]) => (first === undefined ? [] : [deepest(first, located.path)]));
  let best: Issue = located;
  for (const branch of branches) if (branch.path.length >= best.path.length) best = branch;
  return best;
}

function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${String(step)}`))
    .join('')
    .slice(0, MAX_NAME_LENGTH);
}

function describe(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is required';
      return `must be ${EXPECTED[issue.expected] ?? issue.expected}, is ${jsonTypeName(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    default:
      return issue.message;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  object: 'a JSON object',
};

function unit(origin: string): string {
  return origin === 'string' ? ' characters long' : '';
}
