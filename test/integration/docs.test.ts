// The committed reference pages are what the tables in the code say.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../src/config.js';
import { configurationMarkdown, envExample } from '../../src/config-reference.js';
import { ERRORS } from '../../src/errors.js';
import { errorsMarkdown } from '../../src/errors-reference.js';

const root = path.resolve(import.meta.dirname, '../..');

describe.each([
  ['docs/reference/configuration.md', configurationMarkdown],
  ['docs/reference/errors.md', errorsMarkdown],
  ['.env.example', envExample],
])('%s', (file, generate) => {
  it('is what scripts/generate-docs.mjs writes', async () => {
    expect(await readFile(path.join(root, file), 'utf8')).toBe(generate());
  });
});

describe('the generated pages', () => {
  it('name every setting and every error code', () => {
    const pages = configurationMarkdown();
    const example = envExample();
    for (const { name } of Object.values(SETTINGS)) {
      expect(pages).toContain(`| \`${name}\` |`);
      expect(example).toContain(`\n#${name}=`);
    }
    for (const code of Object.keys(ERRORS)) expect(errorsMarkdown()).toContain(`\n## ${code}\n`);
  });

  it('show messages with words in place of values', () => {
    expect(errorsMarkdown()).toContain('\nText <index> has <tokens> tokens, limit <maxTokens>.\n');
    expect(errorsMarkdown()).not.toMatch(/undefined|NaN|\[object|7000000/);
  });
});
