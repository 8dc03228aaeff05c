// Makes the manifest.json of a repository from what was read and computed, for the bundled model and for models that
// are put into a store.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ModelDescription } from './description.js';
import { type FileHash, type FileHashes, hashFile } from './file-hash.js';
import { computeFingerprint } from './fingerprint.js';
import { MANIFEST_FILE, type Manifest } from './manifest.js';

export interface ManifestOrigin {
  readonly modelId: string;
  readonly revision: string;
  /** Where the files came from, in words. */
  readonly source: string;
  /** SPDX identifier. */
  readonly licence: string;
  /** Such as `embedq 0.1.0`. */
  readonly toolVersion: string;
  readonly createdAt: Date;
}

export interface ManifestVariant {
  readonly description: ModelDescription;
  readonly batchInvariant: boolean;
}

export interface ProbeVectors {
  readonly text: string;
  /** Null: the default prompt. */
  readonly promptName: string | null;
  /** By variant; `fp32` belongs there also where its file does not. */
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

/** @param variants of one folder, the default one first */
export async function buildManifest(
  origin: ManifestOrigin,
  variants: readonly [ManifestVariant, ...ManifestVariant[]],
  probes: readonly ProbeVectors[],
): Promise<Manifest> {
  const [{ description }] = variants;
  const files = await hashFolder(description.folder);
  const described: Manifest['variants'] = {};
  for (const variant of variants) described[variant.description.variant] = await describeVariant(variant, files);
  return {
    schema_version: 1,
    model_id: origin.modelId,
    revision: origin.revision,
    source: origin.source,
    licence: origin.licence,
    tool_version: origin.toolVersion,
    created_at: origin.createdAt.toISOString(),
    files,
    chain: description.chainInWords,
    prompts: { ...description.prompts },
    default_prompt_name: description.defaultPromptName,
    default_variant: description.variant,
    variants: described,
    golden_probes: probes.map((probe) => ({
      text: probe.text,
      prompt_name: probe.promptName,
      vectors: Object.fromEntries(Object.entries(probe.vectors).map(([name, vector]) => [name, shortFloats(vector)])),
    })),
  };
}

async function describeVariant({ description, batchInvariant }: ManifestVariant, files: FileHashes) {
  const { fingerprint } = await computeFingerprint(description, files);
  return {
    file: description.weightsFile,
    fingerprint,
    dim: description.dim,
    max_seq: description.maxSeq,
    batch_invariant: batchInvariant,
  };
}

/** Nine digits name every float32 exactly. */
function shortFloats(vector: Float32Array): number[] {
  return Array.from(vector, (value) => Number(value.toPrecision(9)));
}

/** Every file of a repository by its path with forward slashes, the manifest itself left out. */
async function hashFolder(folder: string): Promise<Record<string, FileHash>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => file !== MANIFEST_FILE)
    .sort();
  const hashes: Record<string, FileHash> = {};
  for (const file of paths) hashes[file] = await hashFile(path.join(folder, file));
  return hashes;
}
