// Says in plain words what zod found wrong with a JSON file: "field [0].type must be a string, is missing".
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const MAX_FAULTS = 3;
const MAX_SHOWN_CHARACTERS = 40;

/** The first few faults. `json` is the value that was checked. */
export function describeFaults(issues: readonly Issue[], json: unknown): string {
  const said = issues.slice(0, MAX_FAULTS).map((issue) => describeFault(issue, json));
  if (issues.length > MAX_FAULTS) said.push(`and ${issues.length - MAX_FAULTS} more`);
  return said.join('; ');
}

function describeFault(issue: Issue, json: unknown): string {
  const subject = issue.path.length === 0 ? 'the file' : `field ${fieldName(issue.path)}`;
  const found = valueAt(json, issue.path);
  const demand = demandOf(issue);
  if (demand === null) return `${subject}: ${issue.message}`;
  return `${subject} must be ${demand}, is ${inWords(found)}`;
}

/** What the value must be; null: none of the usual demands, so zod's own message (or the schema's) is shown. */
function demandOf(issue: Issue): string | null {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'invalid_union':
      return alternatives(issue.errors);
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'above' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'below' : 'at most', issue.maximum);
    default:
      return null;
  }
}

function alternatives(branches: readonly (readonly Issue[])[]): string | null {
  const demands = branches.map((issues) => {
    const [issue] = issues;
    return issue === undefined || issue.path.length > 0 ? null : demandOf(issue);
  });
  const known = new Set(demands.filter((demand) => demand !== null));
  return known.size === 0 ? null : [...known].join(' or ');
}

function bound(origin: string, comparison: string, limit: number | bigint): string {
  if (origin === 'string') return `a string of ${comparison} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `a list of ${comparison} ${limit} entries`;
  return `${comparison} ${limit}`;
}

function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    // An object that has this key; nothing is known of what it holds.
    return (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }, json);
}

function inWords(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}
