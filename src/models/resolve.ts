// Finds the folder of a model: the operator's own folders first, then the cache, then the model that comes with
// embedq.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelEntry, ModelSource } from '../contracts/model.js';
import { fail } from '../errors.js';
import { readManifest } from './manifest.js';
import { DEFAULT_VARIANT } from './variants.js';

export const BUNDLED_MODEL_ID = 'sentence-transformers/all-MiniLM-L6-v2';
const BUNDLED_FOLDER = 'all-MiniLM-L6-v2';

export interface ModelPlaces {
  /** The `models` folder of the package. */
  readonly bundledDir: string;
  /** MODELS_CACHE_DIR. */
  readonly cacheDir: string;
  /** LOCAL_MODELS_DIR where USE_LOCAL_MODELS=1; null: not looked at. */
  readonly localDir: string | null;
  /** What the operator named, or null; said in `reason`, and checked when the repository is read. */
  readonly variant: string | null;
}

export interface ResolvedModel {
  /** Absolute path of the repository. */
  readonly folder: string;
  readonly source: ModelSource;
  /** The variant to use where none was named. */
  readonly defaultVariant: string;
  /** Why this folder, for logs and `models show`. */
  readonly reason: string;
  /** Every place that was looked at, in order, the one that was taken last. */
  readonly tried: readonly string[];
}

/** @throws E_MODEL_NOT_FOUND listing the places, E_MODEL_FILE_CORRUPT for a manifest.json that is not right */
export async function resolveModel(entry: ModelEntry, places: ModelPlaces): Promise<ResolvedModel> {
  const tried: string[] = [];
  const stores: readonly { dir: string | null; source: ModelSource; words: string }[] = [
    { dir: places.localDir, source: 'local', words: 'found in LOCAL_MODELS_DIR' },
    { dir: places.cacheDir, source: 'cache', words: 'found in MODELS_CACHE_DIR' },
  ];
  for (const { dir, source, words } of stores) {
    if (dir === null) continue;
    const folder = revisionFolder(entry, dir);
    tried.push(folder);
    if (await isFolder(folder)) {
      const variant = await defaultVariant(entry.alias, folder);
      return { folder, source, defaultVariant: variant, reason: words + named(places.variant), tried };
    }
  }
  const bundled = path.join(places.bundledDir, BUNDLED_FOLDER);
  tried.push(`${bundled} (comes with embedq)`);
  const revision = entry.modelId === BUNDLED_MODEL_ID ? await bundledRevision(bundled, entry.alias) : null;
  if (revision !== null && (entry.revision === 'default' || entry.revision === revision)) {
    const reason = `comes with embedq; no folder of this model was found elsewhere${named(places.variant)}`;
    const variant = await defaultVariant(entry.alias, bundled);
    return { folder: bundled, source: 'bundled', defaultVariant: variant, reason, tried };
  }
  throw fail('E_MODEL_NOT_FOUND', { model: `${entry.modelId} (revision ${entry.revision})`, places: tried });
}

function named(variant: string | null): string {
  return variant === null ? '' : `; variant ${variant} was named`;
}

/** A folder that the caller named, such as `--model ./folder`. @throws E_MODEL_NOT_FOUND */
export async function resolveFolder(folder: string): Promise<ResolvedModel> {
  const absolute = path.resolve(folder);
  if (!(await isFolder(absolute))) throw fail('E_MODEL_NOT_FOUND', { model: folder, places: [absolute] });
  return {
    folder: absolute,
    source: 'folder',
    defaultVariant: await defaultVariant(folder, absolute),
    reason: 'the folder was named',
    tried: [absolute],
  };
}

/** `<dir>/<model_id>/<rev>`; an id or revision that climbs out of `dir` finds nothing. */
function revisionFolder({ modelId, revision }: ModelEntry, dir: string): string {
  const folder = path.resolve(dir, modelId, revision);
  if (folder.startsWith(path.resolve(dir) + path.sep)) return folder;
  throw fail('E_MODEL_NOT_FOUND', { model: `${modelId} (revision ${revision})`, places: [dir] });
}

async function defaultVariant(model: string, folder: string): Promise<string> {
  return (await readManifest(folder, model))?.default_variant ?? DEFAULT_VARIANT;
}

async function bundledRevision(folder: string, model: string): Promise<string | null> {
  return (await isFolder(folder)) ? ((await readManifest(folder, model))?.revision ?? null) : null;
}

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
