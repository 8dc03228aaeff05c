import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeFaults } from './json-faults.js';

const modules = z.array(z.object({ type: z.string().min(1), width: z.int().positive().optional() })).min(1);
const modes = z.object({ mode: z.union([z.string(), z.array(z.string()).min(1)]), side: z.enum(['left', 'right']) });

function faultsOf(schema: z.ZodType, json: unknown): string {
  const parsed = schema.safeParse(json);
  if (parsed.success) throw new Error('expected a fault');
  return describeFaults(parsed.error.issues, json);
}

describe('describeFaults', () => {
  it.each([
    [modules, [], 'the file must be a list of at least 1 entries, is an empty list'],
    [modules, { type: 'x' }, 'the file must be a list, is an object'],
    [modules, [{}], 'field [0].type must be a string, is missing'],
    [modules, [{ type: '' }], 'field [0].type must be a string of at least 1 characters, is ""'],
    [modules, [{ type: 'x', width: 1.5 }], 'field [0].width must be a whole number, is 1.5'],
    [modules, [{ type: 'x', width: -2 }], 'field [0].width must be above 0, is -2'],
    [
      modes,
      { mode: 3, side: 'top' },
      'field mode must be a string or a list, is 3; field side must be "left" or "right", is "top"',
    ],
  ])('says where and what: %#', (schema, json, words) => {
    expect(faultsOf(schema, json)).toBe(words);
  });

  it('shows the first three and counts the others', () => {
    expect(faultsOf(modules, [{}, {}, {}, {}, {}])).toMatch(/^field \[0\].*field \[2\]\.type .*; and 2 more$/);
  });

  it("keeps a schema's own words", () => {
    const schema = z.object({ a: z.string() }).refine(() => false, { message: 'a is not among b' });
    expect(faultsOf(schema, { a: 'x' })).toBe('the file: a is not among b');
  });
});
