// Follows the width of a vector through the chain, so that parts that do not fit are found before anything runs.
import { fail } from '../errors.js';
import type { ChainStep, GraphDescription } from './description.js';
import type { RepositoryFolder } from './json-file.js';

export type GraphOutput = Pick<GraphDescription, 'outputKind' | 'width'>;

/**
 * Floats per vector at the end of the chain.
 * @throws E_MODEL_FILE_CORRUPT where two steps do not fit, E_MODEL_UNSUPPORTED where a graph that pools leaves open
 * what else it did
 */
export function measureChain(
  repository: RepositoryFolder,
  graph: GraphOutput,
  chain: readonly ChainStep[],
  truncateDim: number | null,
): number {
  let width = graph.width;
  for (const step of chain) {
    if (graph.outputKind === 'sentence') refuseUnclear(repository, step, width);
    width = stepWidth(repository, graph, step, width);
  }
  return truncateDim === null ? width : Math.min(truncateDim, width);
}

function stepWidth(repository: RepositoryFolder, graph: GraphOutput, step: ChainStep, width: number): number {
  switch (step.kind) {
    case 'pooling':
      return graph.outputKind === 'sentence' ? width : width * step.modes.length;
    case 'dense':
      mustFit(repository, 'Dense', step.inFeatures, width);
      return step.outFeatures;
    case 'layer_norm':
      mustFit(repository, 'LayerNorm', step.weight.length, width);
      return width;
    case 'normalize':
      return width;
  }
}

function mustFit({ model }: RepositoryFolder, module: string, wanted: number, width: number): void {
  if (wanted === width) return;
  const problem = `${module} takes ${wanted} floats, the step before it makes ${width}`;
  throw fail('E_MODEL_FILE_CORRUPT', { model, file: 'modules.json', problem });
}

/** A graph with only a sentence_embedding may have done any part of the chain; only what cannot matter is accepted. */
function refuseUnclear({ model }: RepositoryFolder, step: ChainStep, width: number): void {
  const unclear =
    (step.kind === 'dense' && (step.inFeatures === step.outFeatures || step.inFeatures !== width)) ||
    step.kind === 'layer_norm';
  if (unclear) {
    const what = `its graph gives only sentence_embedding, which may or may not hold the ${step.kind} of modules.json already`;
    throw fail('E_MODEL_UNSUPPORTED', { model, what });
  }
  if (step.kind === 'pooling' && !step.includePrompt) {
    const what = 'its graph gives only sentence_embedding, so the prompt cannot be left out of pooling';
    throw fail('E_MODEL_UNSUPPORTED', { model, what });
  }
}

/** Such as `mean pooling → dense 768 → 256 (tanh) → normalize`. */
export function describeChain(graph: GraphOutput, chain: readonly ChainStep[], truncateDim: number | null): string {
  const words = chain.map((step) => describeStep(graph, step));
  if (truncateDim !== null) words.push(`first ${truncateDim} floats`);
  return words.join(' → ');
}

function describeStep(graph: GraphOutput, step: ChainStep): string {
  switch (step.kind) {
    case 'pooling':
      if (graph.outputKind === 'sentence') return 'pooling inside the graph';
      return `${step.modes.join(' + ')} pooling${step.includePrompt ? '' : ' without the prompt'}`;
    case 'dense':
      return `dense ${step.inFeatures} → ${step.outFeatures} (${step.activation}${step.useResidual ? ', residual' : ''})`;
    case 'layer_norm':
      return 'layer norm';
    case 'normalize':
      return 'normalize';
  }
}
