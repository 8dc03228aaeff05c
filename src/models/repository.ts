// Reads a model repository in the sentence-transformers layout into a ModelDescription. What cannot be computed
// exactly is refused by name here, before anything is loaded. Rules: docs/reference/model-format.md.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../errors.js';
import { describeChain, type GraphOutput, measureChain } from './chain-shape.js';
import type { ChainStep, ModelDescription } from './description.js';
import { readGraph } from './graph-interface.js';
import type { RepositoryFolder } from './json-file.js';
import { decideMaxSeq } from './max-seq.js';
import { type ModuleReference, readModulesChain } from './modules-chain.js';
import { readPoolingConfig } from './pooling-config.js';
import { readLibraryConfig } from './prompts.js';
import { readTokenizerConfig } from './tokenizer-config.js';
import { readTransformerConfig } from './transformer-config.js';
import { DEFAULT_VARIANT, resolveVariant } from './variants.js';
import { checkNormalize, readDense, readLayerNorm } from './weighted-modules.js';

export interface RepositoryRequest {
  /** The repository. */
  readonly folder: string;
  /** For messages: the alias, or the folder. */
  readonly name: string;
  /** `fp32`, `int8` or a path inside the repository, where the operator named one. */
  readonly variant?: string | null;
  /** Used where no variant was named. Default `fp32`. */
  readonly defaultVariant?: string;
  /** Floats a vector must have; null: whatever the model makes. */
  readonly dim?: number | null;
  /** Longest input in tokens; null: what the repository says. */
  readonly maxSeq?: number | null;
}

/**
 * @throws E_MODEL_NOT_FOUND, E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT, E_MODEL_UNSUPPORTED, E_MODEL_UNSAFE_WEIGHTS,
 * E_MODEL_DIM_MISMATCH, E_MODEL_MAX_SEQ_TOO_LARGE
 */
export async function readModelRepository(request: RepositoryRequest): Promise<ModelDescription> {
  const folder = path.resolve(request.folder);
  const repository: RepositoryFolder = { model: request.name, folder, filesRead: new Set() };
  await mustBeFolder(request.name, folder);

  const modules = await readModulesChain(repository);
  const transformerPath = modules?.transformerPath ?? '';
  const transformer = await readTransformerConfig(repository, transformerPath);
  const tokenizer = await readTokenizerConfig(repository, transformerPath, transformer);
  const library = await readLibraryConfig(repository);
  const maxSeq = decideMaxSeq(request.name, request.maxSeq ?? null, transformer, tokenizer.modelMaxLength);

  const named = request.variant ?? null;
  const variant = resolveVariant(named ?? request.defaultVariant ?? DEFAULT_VARIANT);
  const { graph, externalDataFiles } = await readGraph(repository, variant.file, transformer);
  const chain = modules === null ? PLAIN_ENCODER : await readChain(repository, modules.afterTransformer, graph);
  const dim = measureChain(repository, graph, chain, library.truncateDim);
  if (request.dim != null && request.dim !== dim) {
    throw fail('E_MODEL_DIM_MISMATCH', { model: request.name, configured: request.dim, actual: dim });
  }

  return {
    name: request.name,
    folder,
    variant: variant.name,
    weightsFile: variant.file,
    externalDataFiles,
    files: [...repository.filesRead, variant.file, ...externalDataFiles].sort(),
    variantNamed: named !== null,
    architecture: transformer.architecture,
    dim,
    maxSeq: maxSeq.value,
    maxSeqSource: maxSeq.source,
    positions: transformer.positions,
    tokenizer: tokenizer.description,
    graph,
    chain,
    chainInWords: describeChain(graph, chain, library.truncateDim),
    truncateDim: library.truncateDim,
    prompts: library.prompts,
    defaultPromptName: library.defaultPromptName,
    warnings: modules === null ? ['There is no modules.json: mean pooling, and vectors are not normalised.'] : [],
  };
}

/** What sentence-transformers makes of a repository that is only an encoder. */
const PLAIN_ENCODER: readonly ChainStep[] = [{ kind: 'pooling', modes: ['mean'], includePrompt: true }];

async function mustBeFolder(model: string, folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (!found?.isDirectory()) throw fail('E_MODEL_NOT_FOUND', { model, places: [folder] });
}

async function readChain(
  repository: RepositoryFolder,
  modules: readonly ModuleReference[],
  graph: GraphOutput,
): Promise<ChainStep[]> {
  const steps: ChainStep[] = [];
  for (const module of modules) {
    const step = await readStep(repository, module, graph);
    if (step !== null) steps.push(step);
  }
  return steps;
}

async function readStep(
  repository: RepositoryFolder,
  module: ModuleReference,
  graph: GraphOutput,
): Promise<ChainStep | null> {
  switch (module.kind) {
    case 'Pooling': {
      const { step, width } = await readPoolingConfig(repository, module.path);
      if (graph.outputKind === 'tokens' && width !== null && width !== graph.width) {
        const problem = `it pools tokens of ${width} floats, the graph makes ${graph.width}`;
        throw fail('E_MODEL_FILE_CORRUPT', { model: repository.model, file: `${module.path}/config.json`, problem });
      }
      return step;
    }
    case 'Dense':
      return readDense(repository, module.path);
    case 'LayerNorm':
      return readLayerNorm(repository, module.path);
    case 'Normalize':
      await checkNormalize(repository, module.path);
      return { kind: 'normalize' };
    case 'Dropout':
      // Does nothing outside of training.
      return null;
    case 'Transformer':
      throw fail('E_INTERNAL', { problem: 'a Transformer came after the first module' });
  }
}
