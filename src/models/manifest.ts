// manifest.json: what a model's files must be and what its vectors must come out as. Written when a model is put
// into a store, checked before it is served.
import path from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import type { FileHash, FileHashes } from './file-hash.js';
import { hashFile } from './file-hash.js';
import { readJsonIfPresent } from './json-file.js';

export const MANIFEST_FILE = 'manifest.json';

const vectorSchema = z.array(z.number()).min(1);

const manifestSchema = z
  .strictObject({
    schema_version: z.literal(1),
    model_id: z.string().min(1),
    revision: z.string().min(1),
    /** Where the files came from, in words, with the address. */
    source: z.string().min(1),
    /** SPDX identifier. */
    licence: z.string().min(1),
    /** Such as `embedq 0.1.0`. */
    tool_version: z.string().min(1),
    created_at: z.iso.datetime(),
    files: z.record(
      z.string(),
      z.strictObject({ bytes: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    ),
    /** The chain after the graph, in words. */
    chain: z.string(),
    prompts: z.record(z.string(), z.string()),
    default_prompt_name: z.string().nullable(),
    /** Which of `variants` is used where none is named. */
    default_variant: z.string().min(1),
    variants: z.record(
      z.string(),
      z.strictObject({
        file: z.string().min(1),
        fingerprint: z.string().regex(/^[0-9a-f]{16}$/),
        /** Floats per vector. */
        dim: z.int().positive(),
        /** Tokens, special tokens included. */
        max_seq: z.int().positive(),
        batch_invariant: z.boolean(),
      }),
    ),
    golden_probes: z.array(
      z.strictObject({
        text: z.string(),
        /** Null: the default prompt. */
        prompt_name: z.string().nullable(),
        /** By variant; `fp32` is there whether or not its file is. */
        vectors: z.record(z.string(), vectorSchema),
      }),
    ),
  })
  .refine((manifest) => manifest.default_variant in manifest.variants, {
    path: ['default_variant'],
    message: 'it is not one of the variants',
  });

export type Manifest = z.output<typeof manifestSchema>;

/** @throws E_MODEL_FILE_CORRUPT where there is one that is not right */
export async function readManifest(folder: string, model: string = folder): Promise<Manifest | null> {
  return readJsonIfPresent({ model, folder, filesRead: new Set() }, MANIFEST_FILE, manifestSchema);
}

/** The text of a manifest.json, checked by the same schema that reads it. */
export function formatManifest(manifest: Manifest): string {
  const json = JSON.stringify(manifestSchema.parse(manifest), null, 2);
  // Vectors on one line each: a file that people can still scroll through. No string holds a raw line break.
  const oneLine = json.replaceAll(
    /\[\n\s+(-?\d[^\]]*?)\n\s+\]/g,
    (_, numbers: string) => `[${numbers.replaceAll(/\s+/g, '')}]`,
  );
  return `${oneLine}\n`;
}

/**
 * Holds files against the manifest.
 * @param neededFiles paths in the repository
 * @returns their hashes
 * @throws E_MODEL_FILE_CORRUPT naming the first file that differs or that the manifest does not list,
 * E_MODEL_FILE_MISSING
 */
export async function verifyFiles(
  folder: string,
  manifest: Manifest,
  neededFiles: readonly string[],
): Promise<FileHashes> {
  const model = manifest.model_id;
  const hashes: Record<string, FileHash> = {};
  for (const file of neededFiles) {
    const expected = Object.hasOwn(manifest.files, file) ? manifest.files[file] : undefined;
    if (expected === undefined) {
      throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: `${MANIFEST_FILE} does not list it` });
    }
    const actual = await hashFile(path.join(folder, file)).catch((cause: unknown) => {
      throw fail('E_MODEL_FILE_MISSING', { model, file }, { cause });
    });
    if (actual.bytes !== expected.bytes || actual.sha256 !== expected.sha256) {
      const problem = `it has ${actual.bytes} bytes with SHA-256 ${actual.sha256}, ${MANIFEST_FILE} says ${expected.bytes} bytes with ${expected.sha256}`;
      throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem });
    }
    hashes[file] = actual;
  }
  return hashes;
}
