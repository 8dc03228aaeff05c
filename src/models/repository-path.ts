// Paths that a repository (or an operator) names inside a model folder: they must stay in it.
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../errors.js';

/**
 * Absolute path of a file inside a repository. Refuses absolute paths, `..`, and links that lead outside; the one
 * exception is the blob folder of a Hugging Face cache, to which every file of a snapshot there is a link.
 * @throws E_MODEL_UNSUPPORTED where the path leaves the folder, E_MODEL_FILE_MISSING where nothing is there
 */
export async function resolveInRepository(model: string, folder: string, relativePath: string): Promise<string> {
  const parts = relativePath.split(/[\\/]/);
  if (path.isAbsolute(relativePath) || parts.includes('..') || relativePath.includes('\0') || relativePath === '') {
    throw leaves(model, relativePath);
  }
  const absolute = path.join(folder, relativePath);
  const real = await realpath(absolute).catch((cause: unknown) => {
    throw fail('E_MODEL_FILE_MISSING', { model, file: relativePath }, { cause });
  });
  const roots = await trustedRoots(folder);
  if (!roots.some((root) => real === root || real.startsWith(root + path.sep))) throw leaves(model, relativePath);
  return absolute;
}

function leaves(model: string, relativePath: string) {
  return fail('E_MODEL_UNSUPPORTED', { model, what: `the path "${relativePath}" leaves the repository's folder` });
}

async function trustedRoots(folder: string): Promise<string[]> {
  const root = await realpath(folder);
  const snapshots = path.dirname(root);
  return path.basename(snapshots) === 'snapshots' ? [root, path.join(path.dirname(snapshots), 'blobs')] : [root];
}
