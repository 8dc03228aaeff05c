// How callers name models: an alias, an alias with a prompt (`minilm:query`), or a model id.
import type { ModelInfo } from '../contracts/model.js';
import { fail } from '../errors.js';

export interface NamedModel {
  readonly alias: string;
  /** The prompt that the name asks for; null: none. */
  readonly promptName: string | null;
}

/**
 * Finds the model that a caller means.
 * @throws E_MODEL_UNKNOWN listing the aliases, E_PROMPT_UNKNOWN listing the prompts
 */
export function findModel(
  name: string,
  models: readonly Pick<ModelInfo, 'alias' | 'modelId' | 'prompts'>[],
): NamedModel {
  const exact = models.find((model) => model.alias === name) ?? models.find((model) => model.modelId === name);
  if (exact !== undefined) return { alias: exact.alias, promptName: null };
  const colon = name.lastIndexOf(':');
  const before = name.slice(0, Math.max(0, colon));
  const model = models.find((candidate) => candidate.alias === before || candidate.modelId === before);
  if (colon < 1 || model === undefined) {
    throw fail('E_MODEL_UNKNOWN', { model: name, known: models.map(({ alias }) => alias) });
  }
  const promptName = name.slice(colon + 1);
  if (!Object.hasOwn(model.prompts, promptName)) {
    throw fail('E_PROMPT_UNKNOWN', { model: model.alias, promptName, known: Object.keys(model.prompts) });
  }
  return { alias: model.alias, promptName };
}
