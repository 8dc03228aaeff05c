// Which embedq this is.
import { readFileSync } from 'node:fs';

/** The version of package.json, which npm puts into every package. */
export function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
