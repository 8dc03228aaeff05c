// Finds a model's files, reads them, holds them against their manifest, and names the vector space they make.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../contracts/log.js';
import type { ModelEntry, ModelInfo } from '../contracts/model.js';
import { fail } from '../errors.js';
import type { ModelDescription } from '../models/description.js';
import type { FileHashes } from '../models/file-hash.js';
import { computeFingerprint } from '../models/fingerprint.js';
import { type Manifest, readManifest, verifyFiles } from '../models/manifest.js';
import { readModelRepository } from '../models/repository.js';
import { type ModelPlaces, type ResolvedModel, resolveFolder, resolveModel } from '../models/resolve.js';

export type ModelRequest =
  /** A model of EMB_MODELS; `variant` where the operator named one. */
  | { readonly kind: 'entry'; readonly entry: ModelEntry; readonly variant: string | null }
  /** A folder; what is null is taken from its files. */
  | {
      readonly kind: 'folder';
      readonly alias: string;
      readonly folder: string;
      readonly variant: string | null;
      readonly maxSeq: number | null;
    };

/** A model whose files were read and found right. */
export interface LoadedModel {
  /** What is known before it has computed anything. */
  readonly info: Omit<ModelInfo, 'batchInvariant'>;
  readonly description: ModelDescription;
  readonly manifest: Manifest | null;
  readonly resolved: ResolvedModel;
  /** Of the weights, external data included. */
  readonly weightsBytes: number;
}

/** @throws E_MODEL_… for whatever is wrong with the files */
export async function loadModel(
  request: ModelRequest,
  places: Omit<ModelPlaces, 'variant'>,
  log: Logger,
): Promise<LoadedModel> {
  const entry = request.kind === 'entry' ? request.entry : null;
  const alias = request.kind === 'entry' ? request.entry.alias : request.alias;
  const resolved =
    request.kind === 'entry'
      ? await resolveModel(request.entry, { ...places, variant: request.variant })
      : await resolveFolder(request.folder);
  const { folder } = resolved;
  const description = await readModelRepository({
    folder,
    name: alias,
    variant: request.variant,
    defaultVariant: resolved.defaultVariant,
    dim: entry?.dim ?? null,
    maxSeq: request.kind === 'entry' ? request.entry.maxSeq : request.maxSeq,
  });
  const manifest = await readManifest(folder, alias);
  const { fingerprint, hashes } = await identify(description, manifest);
  log.info({ model: alias, folder, reason: resolved.reason, fingerprint }, 'model files read');
  const { dim, maxSeq, variant, weightsFile: file, prompts, defaultPromptName, warnings } = description;
  return {
    info: {
      alias,
      modelId: entry?.modelId ?? manifest?.model_id ?? alias,
      revision: manifest?.revision ?? entry?.revision ?? 'default',
      dim,
      maxSeq,
      fingerprint,
      variant,
      file,
      source: resolved.source,
      prompts,
      defaultPromptName,
      warnings,
    },
    description,
    manifest,
    resolved,
    weightsBytes: await sumBytes(description, hashes),
  };
}

async function identify(
  description: ModelDescription,
  manifest: Manifest | null,
): Promise<{ fingerprint: string; hashes: FileHashes }> {
  if (manifest === null) {
    const { fingerprint, files } = await computeFingerprint(description);
    return { fingerprint, hashes: files };
  }
  const known = Object.hasOwn(manifest.variants, description.variant)
    ? manifest.variants[description.variant]
    : undefined;
  // A variant that the manifest does not know (an operator's own file beside it) has nothing to be held against.
  const needed = known === undefined ? [] : description.files;
  const verified = await verifyFiles(description.folder, manifest, needed);
  const { fingerprint, files } = await computeFingerprint(description, verified);
  if (known !== undefined && known.max_seq === description.maxSeq && known.fingerprint !== fingerprint) {
    const problem = `the files make fingerprint ${fingerprint}, the manifest says ${known.fingerprint}`;
    throw fail('E_MODEL_FILE_CORRUPT', { model: description.name, file: 'manifest.json', problem });
  }
  return { fingerprint, hashes: files };
}

async function sumBytes(description: ModelDescription, hashes: FileHashes): Promise<number> {
  let bytes = 0;
  for (const file of [description.weightsFile, ...description.externalDataFiles]) {
    bytes += hashes[file]?.bytes ?? (await stat(path.join(description.folder, file))).size;
  }
  return bytes;
}
