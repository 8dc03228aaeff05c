// The fingerprint: a short hash of everything that decides a vector's value. Two vectors with different fingerprints
// must not be compared. See docs/decisions.md, "Vectors with an identity".
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { ChainStep, ModelDescription } from './description.js';
import { type FileHash, type FileHashes, hashFile } from './file-hash.js';

/** Raised when the composition below changes; old fingerprints then never equal new ones by accident. */
const COMPOSITION = 1;
const HEX_DIGITS = 16;

export interface Fingerprint {
  /** 16 hex digits. */
  readonly fingerprint: string;
  /** The files that were hashed for it, by their path in the repository. */
  readonly files: FileHashes;
}

/**
 * SHA-256, cut to 16 hex digits, of the canonical JSON (keys sorted, no spaces) of: the weights' and external data
 * files' SHA-256, the tokenizer.json's, its lower-casing, padding and truncation settings, max_seq, the output that
 * is read, every step of the chain with its weights' SHA-256 (as little-endian float32), truncate_dim, and the
 * prompts with the default one's name. The variant's name and the model's play no part: equal bytes, equal vectors.
 * @param known hashes that the caller has already, such as those that were just verified
 */
export async function computeFingerprint(description: ModelDescription, known: FileHashes = {}): Promise<Fingerprint> {
  const files: Record<string, FileHash> = {};
  const hash = async (file: string): Promise<string> => {
    const found = known[file] ?? (await hashFile(path.join(description.folder, file)));
    files[file] = found;
    return found.sha256;
  };
  const tokenizerFile = path.relative(description.folder, description.tokenizer.file);
  const weights = await hash(description.weightsFile);
  const externalData: string[] = [];
  for (const file of [...description.externalDataFiles].sort()) externalData.push(await hash(file));
  const tokenizer = await hash(tokenizerFile);
  return { fingerprint: digest(ingredients(description, { weights, externalData, tokenizer })), files };
}

interface ContentHashes {
  readonly weights: string;
  readonly externalData: readonly string[];
  readonly tokenizer: string;
}

function ingredients(description: ModelDescription, hashes: ContentHashes): Json {
  const { tokenizer, graph } = description;
  return {
    composition: COMPOSITION,
    weights: hashes.weights,
    external_data: hashes.externalData,
    tokenizer: hashes.tokenizer,
    lowercase: tokenizer.lowercase,
    pad_id: tokenizer.padId,
    padding_side: tokenizer.paddingSide,
    truncation_side: tokenizer.truncationSide,
    max_seq: description.maxSeq,
    inputs: [...graph.inputs].sort(),
    output: graph.output,
    output_kind: graph.outputKind,
    chain: description.chain.map(stepIngredients),
    truncate_dim: description.truncateDim,
    prompts: description.prompts,
    default_prompt_name: description.defaultPromptName,
  };
}

function stepIngredients(step: ChainStep): Json {
  switch (step.kind) {
    case 'pooling':
      return { kind: step.kind, modes: step.modes, include_prompt: step.includePrompt };
    case 'dense':
      return {
        kind: step.kind,
        shape: [step.outFeatures, step.inFeatures],
        weight: hashFloats(step.weight),
        bias: step.bias === null ? null : hashFloats(step.bias),
        activation: step.activation,
        residual: step.useResidual,
      };
    case 'layer_norm':
      return {
        kind: step.kind,
        weight: hashFloats(step.weight),
        bias: hashFloats(step.bias),
        epsilon: step.epsilon,
      };
    case 'normalize':
      return { kind: step.kind };
  }
}

function hashFloats(values: Float32Array): string {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    bytes.writeFloatLE(value, i * 4);
  });
  return createHash('sha256').update(bytes).digest('hex');
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

function digest(value: Json): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, HEX_DIGITS);
}

function canonical(value: Json): string {
  if (isList(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
