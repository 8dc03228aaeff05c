// Reads modules.json: which modules a repository chains after each other. What is not known here is refused by
// name: a module that is skipped gives wrong vectors without any error.
import { z } from 'zod';
import { fail } from '../errors.js';
import { type RepositoryFolder, readJsonIfPresent } from './json-file.js';

const KNOWN_MODULES = ['Transformer', 'Pooling', 'Dense', 'LayerNorm', 'Normalize', 'Dropout'] as const;
type ModuleKind = (typeof KNOWN_MODULES)[number];

export interface ModuleReference {
  readonly kind: ModuleKind;
  /** Folder of its settings inside the repository; '' is the repository itself. */
  readonly path: string;
}

export interface ModulesChain {
  readonly transformerPath: string;
  readonly afterTransformer: readonly ModuleReference[];
}

const modulesSchema = z.array(z.object({ path: z.string(), type: z.string().min(1) })).min(1);

/**
 * The chain, or null where the repository has no modules.json.
 * @throws E_MODEL_UNSUPPORTED for a module that is unknown or asks for the repository's own code
 */
export async function readModulesChain(repository: RepositoryFolder): Promise<ModulesChain | null> {
  const listed = await readJsonIfPresent(repository, 'modules.json', modulesSchema);
  if (listed === null) return null;
  const modules = listed.map(({ path, type }) => ({ kind: moduleKind(repository.model, type), path }));
  const [transformer, ...afterTransformer] = modules;
  if (transformer?.kind !== 'Transformer') {
    throw unsupported(repository, `its chain starts with ${transformer?.kind}, not with a Transformer`);
  }
  checkOrder(repository, afterTransformer);
  return { transformerPath: transformer.path, afterTransformer };
}

/** 2.x writes `sentence_transformers.models.Pooling`, 6.x `sentence_transformers.….pooling.Pooling`. */
function moduleKind(model: string, type: string): ModuleKind {
  if (!type.startsWith('sentence_transformers.')) {
    throw fail('E_MODEL_UNSUPPORTED', {
      model,
      what: `modules.json asks for ${type}, code of the repository's own, which embedq never runs`,
    });
  }
  const name = type.slice(type.lastIndexOf('.') + 1);
  const kind = KNOWN_MODULES.find((known) => known === name);
  if (kind === undefined) {
    throw fail('E_MODEL_UNSUPPORTED', {
      model,
      what: `modules.json lists the module ${name} (${type}); known are ${KNOWN_MODULES.join(', ')}`,
    });
  }
  return kind;
}

function checkOrder(repository: RepositoryFolder, modules: readonly ModuleReference[]): void {
  if (modules.some((module) => module.kind === 'Transformer')) {
    throw unsupported(repository, 'its chain has more than one Transformer');
  }
  const poolings = modules.filter((module) => module.kind === 'Pooling').length;
  if (poolings !== 1) throw unsupported(repository, `its chain has ${poolings} Pooling modules, not one`);
  if (modules.find((module) => module.kind !== 'Dropout')?.kind !== 'Pooling') {
    throw unsupported(repository, `its chain has ${modules[0]?.kind} before Pooling, so it works on single tokens`);
  }
}

function unsupported({ model }: RepositoryFolder, what: string) {
  return fail('E_MODEL_UNSUPPORTED', { model, what });
}
