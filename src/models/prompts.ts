// Reads config_sentence_transformers.json: the prompts of a model, and whether its vectors are cut.
import { z } from 'zod';
import { fail } from '../errors.js';
import { type RepositoryFolder, readJsonIfPresent } from './json-file.js';

const FILE = 'config_sentence_transformers.json';

const schema = z.object({
  prompts: z.record(z.string(), z.string().nullable()).nullish(),
  default_prompt_name: z.string().nullish(),
  truncate_dim: z.int().positive().nullish(),
});

export interface LibraryConfig {
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPromptName: string | null;
  readonly truncateDim: number | null;
}

/** @throws E_MODEL_FILE_CORRUPT */
export async function readLibraryConfig(repository: RepositoryFolder): Promise<LibraryConfig> {
  const config = await readJsonIfPresent(repository, FILE, schema);
  const prompts: Record<string, string> = {};
  for (const [name, text] of Object.entries(config?.prompts ?? {})) prompts[name] = text ?? '';
  const defaultPromptName = config?.default_prompt_name ?? null;
  if (defaultPromptName !== null && !Object.hasOwn(prompts, defaultPromptName)) {
    const problem = `field default_prompt_name: there is no prompt "${defaultPromptName}"`;
    throw fail('E_MODEL_FILE_CORRUPT', { model: repository.model, file: FILE, problem });
  }
  return { prompts, defaultPromptName, truncateDim: config?.truncate_dim ?? null };
}
