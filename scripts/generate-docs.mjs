// Writes the pages that are made from tables in the code. Run it after `npm run build`; a test holds the committed
// files to what it writes.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configurationMarkdown, envExample } from '../dist/config-reference.js';
import { errorsMarkdown } from '../dist/errors-reference.js';

const root = path.resolve(import.meta.dirname, '..');
const pages = {
  'docs/reference/configuration.md': configurationMarkdown(),
  'docs/reference/errors.md': errorsMarkdown(),
  '.env.example': envExample(),
};
for (const [name, text] of Object.entries(pages)) {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}
