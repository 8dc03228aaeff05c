// The one place where a command gets its embedder: it turns what `--model`, `--variant` and `--max-seq` say, together
// with the configuration, into the one model that this command loads.
import { stat } from 'node:fs/promises';
import type { ArgsDef } from 'citty';
import { type Config, readConfig } from '../config.js';
import type { Embedder } from '../contracts/embedder.js';
import type { Profile } from '../contracts/lane.js';
import type { ModelEntry } from '../contracts/model.js';
import { fail } from '../errors.js';
import { didYouMean } from '../nearest-word.js';
import type { FolderModel } from '../start/embedder.js';
import { integerOption } from './arguments.js';

export interface ModelArguments {
  /** As typed: an alias of EMB_MODELS (or `alias:prompt`), a model id, or a folder; undefined: the default model. */
  readonly model: string | undefined;
  readonly variant: string | undefined;
  readonly 'max-seq': string | undefined;
}

export const MODEL_ARGUMENTS = {
  model: {
    type: 'string',
    alias: 'm',
    valueHint: 'alias|folder',
    description:
      'An alias of EMB_MODELS (alias:prompt picks a prompt too), or the folder of a model repository. Default: the first alias.',
  },
  variant: {
    type: 'string',
    valueHint: 'fp32|int8|path',
    description:
      'Which weights: fp32, int8, or a path inside the repository such as onnx/model_O3.onnx. Default: EMB_MODEL_VARIANTS, else fp32, for the bundled model int8.',
  },
  'max-seq': {
    type: 'string',
    valueHint: 'tokens',
    description: "Longest input in tokens, special tokens included. Default: EMB_MODELS', for a folder its own.",
  },
} satisfies ArgsDef;

export interface ChosenModel {
  readonly model: ModelEntry | FolderModel;
  /** The variant that was named, by the command line or by EMB_MODEL_VARIANTS. */
  readonly variant: string | null;
  /** From `alias:prompt`. */
  readonly promptName: string | null;
}

/** @throws E_CONFIG_INVALID, E_USAGE, E_MODEL_UNKNOWN */
export async function chooseModel(given: ModelArguments, profile: Profile, config: Config): Promise<ChosenModel> {
  const maxSeq = integerOption('max-seq', given['max-seq'], 1, 1_000_000);
  const found = findEntry(given.model, profile, config);
  if (found !== null) {
    const { entry, promptName } = found;
    return {
      model: maxSeq === undefined ? entry : { ...entry, maxSeq },
      variant: given.variant ?? config.modelVariants[entry.alias] ?? null,
      promptName,
    };
  }
  const folder = given.model ?? '';
  if (!(await isFolder(folder))) {
    const known = config.models.map((entry) => entry.alias);
    const problem = `there is no model and no folder "${folder}"; models: ${known.join(', ')}${didYouMean(folder, known)}`;
    throw fail('E_USAGE', { problem });
  }
  const variant = given.variant === undefined ? {} : { variant: given.variant };
  return {
    model: { folder, ...variant, ...(maxSeq === undefined ? {} : { maxSeq }) },
    variant: given.variant ?? null,
    promptName: null,
  };
}

/** Loads one model; given up when `signal` is aborted. The modules behind this are heavy, and loaded only now. */
export async function openEmbedder(chosen: ChosenModel, profile: Profile, signal: AbortSignal): Promise<Embedder> {
  const { model, variant } = chosen;
  const { createEmbedder } = await import('../start/embedder.js');
  const opening = createEmbedder({
    models: [model],
    startBulkAtOnce: profile === 'bulk',
    config: {
      modelVariants:
        'alias' in model && model.alias !== undefined && variant !== null ? { [model.alias]: variant } : {},
    },
  });
  const { promise: aborted, reject } = withRejecter();
  const giveUp = () => reject(fail('E_CANCELLED', { texts: 0 }));
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([opening, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function withRejecter(): { promise: Promise<never>; reject: (reason: Error) => void } {
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<never>((_, settle) => {
    reject = settle;
  });
  return { promise, reject };
}

export async function openChosenModel(
  given: ModelArguments,
  profile: Profile,
  signal: AbortSignal,
): Promise<{ embedder: Embedder; promptName: string | null }> {
  const chosen = await chooseModel(given, profile, readConfig());
  return { embedder: await openEmbedder(chosen, profile, signal), promptName: chosen.promptName };
}

function findEntry(
  name: string | undefined,
  profile: Profile,
  config: Config,
): { entry: ModelEntry; promptName: string | null } | null {
  if (name === undefined) {
    const [preferred] = (profile === 'rt' ? config.defaultRtModels : config.defaultBulkModels) ?? [];
    const entry = config.models.find(({ alias }) => alias === preferred) ?? config.models[0];
    return entry === undefined ? null : { entry, promptName: null };
  }
  const [alias, ...prompt] = name.split(':');
  const entry = config.models.find((candidate) => candidate.alias === alias || candidate.modelId === name);
  return entry === undefined ? null : { entry, promptName: prompt.length === 0 ? null : prompt.join(':') };
}

async function isFolder(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => null);
  return found?.isDirectory() === true;
}
