// Reads a Pooling module's settings in the layouts of sentence-transformers 2.x (booleans) and 6.x (names).
import path from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import type { PoolingMode, PoolingStep } from './description.js';
import { type RepositoryFolder, readJson } from './json-file.js';

/** 6.x names. */
const MODE_BY_NAME: Readonly<Record<string, PoolingMode>> = {
  cls: 'cls',
  max: 'max',
  mean: 'mean',
  mean_sqrt_len_tokens: 'mean_sqrt_len',
  weightedmean: 'weightedmean',
  lasttoken: 'lasttoken',
};

/** 2.x booleans, in the order in which 2.x concatenates. */
const MODE_BY_FLAG = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
} as const satisfies Record<string, PoolingMode>;

type Flag = keyof typeof MODE_BY_FLAG;

const flag = z.boolean().optional();
const poolingSchema = z.object({
  embedding_dimension: z.int().positive().optional(),
  word_embedding_dimension: z.int().positive().optional(),
  pooling_mode: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  pooling_mode_cls_token: flag,
  pooling_mode_max_tokens: flag,
  pooling_mode_mean_tokens: flag,
  pooling_mode_mean_sqrt_len_tokens: flag,
  pooling_mode_weightedmean_tokens: flag,
  pooling_mode_lasttoken: flag,
  include_prompt: z.boolean().default(true),
});

export interface PoolingConfig {
  readonly step: PoolingStep;
  /** Floats a token that it expects; null where it does not say. */
  readonly width: number | null;
}

/**
 * @param modulePath the module's folder in the repository, such as `1_Pooling`
 * @throws E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT, E_MODEL_UNSUPPORTED for an unknown mode
 */
export async function readPoolingConfig(repository: RepositoryFolder, modulePath: string): Promise<PoolingConfig> {
  const file = path.posix.join(modulePath, 'config.json');
  const config = await readJson(repository, file, poolingSchema);
  const names = config.pooling_mode;
  const modes = names === undefined ? modesByFlags(config) : [names].flat().map((name) => modeByName(repository, name));
  return {
    step: { kind: 'pooling', modes, includePrompt: config.include_prompt },
    width: config.embedding_dimension ?? config.word_embedding_dimension ?? null,
  };
}

function modeByName({ model }: RepositoryFolder, name: string): PoolingMode {
  const mode = Object.hasOwn(MODE_BY_NAME, name) ? MODE_BY_NAME[name] : undefined;
  if (mode !== undefined) return mode;
  const known = Object.keys(MODE_BY_NAME).join(', ');
  throw fail('E_MODEL_UNSUPPORTED', { model, what: `its pooling mode is "${name}"; known are ${known}` });
}

function modesByFlags(config: Partial<Record<Flag, boolean | undefined>>): PoolingMode[] {
  // Object.keys gives exactly the literal's own keys, which its type cannot say.
  const flags = (Object.keys(MODE_BY_FLAG) as Flag[]).filter((name) => config[name] === true);
  return flags.length > 0 ? flags.map((name) => MODE_BY_FLAG[name]) : ['mean'];
}
