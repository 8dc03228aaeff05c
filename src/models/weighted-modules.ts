// Reads the modules that have weights of their own: Dense and LayerNorm.
import { access } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import type { Activation, DenseStep, LayerNormStep } from './description.js';
import { type RepositoryFolder, readJson } from './json-file.js';
import { resolveInRepository } from './repository-path.js';
import { type Float32Tensor, readSafetensors, SafetensorsError } from './safetensors.js';

/** By the last part of a torch class name; each with torch's default parameters. */
const ACTIVATION_BY_CLASS: Readonly<Record<string, Activation>> = {
  Identity: 'identity',
  Tanh: 'tanh',
  ReLU: 'relu',
  GELU: 'gelu',
  Sigmoid: 'sigmoid',
  SiLU: 'silu',
  LeakyReLU: 'leaky_relu',
  ELU: 'elu',
};

/** torch.nn.LayerNorm's default, which sentence-transformers always uses. */
const LAYER_NORM_EPSILON = 1e-5;

const SENTENCE = 'sentence_embedding';
const denseSchema = z.object({
  in_features: z.int().positive(),
  out_features: z.int().positive(),
  bias: z.boolean().default(true),
  activation_function: z.string().nullable().optional(),
  use_residual: z.boolean().default(false),
  module_input_name: z.string().default(SENTENCE),
  module_output_name: z.string().nullable().default(SENTENCE),
});
const layerNormSchema = z.object({ dimension: z.int().positive() });
const normalizeSchema = z.object({
  module_input_name: z.string().default(SENTENCE),
  module_output_name: z.string().nullable().default(SENTENCE),
});

/**
 * @param modulePath the module's folder in the repository, such as `2_Dense`
 * @throws E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT, E_MODEL_UNSAFE_WEIGHTS, E_MODEL_UNSUPPORTED
 */
export async function readDense(repository: RepositoryFolder, modulePath: string): Promise<DenseStep> {
  const config = await readJson(repository, path.posix.join(modulePath, 'config.json'), denseSchema);
  refuseOtherFeatures(repository, modulePath, config.module_input_name, config.module_output_name);
  const { in_features: inFeatures, out_features: outFeatures } = config;
  if (config.use_residual && inFeatures !== outFeatures) {
    throw fail('E_MODEL_UNSUPPORTED', {
      model: repository.model,
      what: `${modulePath} has a residual projected from ${inFeatures} to ${outFeatures} floats`,
    });
  }
  const weights = await readWeights(repository, modulePath);
  return {
    kind: 'dense',
    inFeatures,
    outFeatures,
    weight: weights.take('linear.weight', [outFeatures, inFeatures]),
    bias: config.bias ? weights.take('linear.bias', [outFeatures]) : null,
    activation: readActivation(repository, modulePath, config.activation_function),
    useResidual: config.use_residual,
  };
}

/** @throws as `readDense` */
export async function readLayerNorm(repository: RepositoryFolder, modulePath: string): Promise<LayerNormStep> {
  const { dimension } = await readJson(repository, path.posix.join(modulePath, 'config.json'), layerNormSchema);
  const weights = await readWeights(repository, modulePath);
  return {
    kind: 'layer_norm',
    weight: weights.take('norm.weight', [dimension]),
    bias: weights.take('norm.bias', [dimension]),
    epsilon: LAYER_NORM_EPSILON,
  };
}

/** A Normalize of 2.x has no settings at all. @throws E_MODEL_UNSUPPORTED where it works on single tokens */
export async function checkNormalize(repository: RepositoryFolder, modulePath: string): Promise<void> {
  const file = path.posix.join(modulePath, 'config.json');
  const present = await access(path.join(repository.folder, file)).then(
    () => true,
    () => false,
  );
  if (modulePath === '' || !present) return;
  const config = await readJson(repository, file, normalizeSchema);
  refuseOtherFeatures(repository, modulePath, config.module_input_name, config.module_output_name);
}

function refuseOtherFeatures({ model }: RepositoryFolder, modulePath: string, input: string, output: string | null) {
  if (input === SENTENCE && (output === null || output === SENTENCE)) return;
  throw fail('E_MODEL_UNSUPPORTED', {
    model,
    what: `${modulePath} turns ${input} into ${output ?? input}; only ${SENTENCE} is supported`,
  });
}

function readActivation({ model }: RepositoryFolder, modulePath: string, className: string | null | undefined) {
  // Missing means the class's default, Tanh; null was never written by the library.
  const name = className ?? 'torch.nn.modules.activation.Tanh';
  const last = name.slice(name.lastIndexOf('.') + 1);
  const activation = Object.hasOwn(ACTIVATION_BY_CLASS, last) ? ACTIVATION_BY_CLASS[last] : undefined;
  if (activation !== undefined && name.startsWith('torch.')) return activation;
  throw fail('E_MODEL_UNSUPPORTED', {
    model,
    what: `${modulePath} has the activation ${name}; known are ${Object.keys(ACTIVATION_BY_CLASS).join(', ')} of torch`,
  });
}

interface ModuleWeights {
  take(name: string, shape: readonly number[]): Float32Array;
}

async function readWeights(repository: RepositoryFolder, modulePath: string): Promise<ModuleWeights> {
  const { model, folder } = repository;
  const file = path.posix.join(modulePath, 'model.safetensors');
  const pickle = path.posix.join(modulePath, 'pytorch_model.bin');
  let tensors: ReadonlyMap<string, Float32Tensor>;
  try {
    tensors = await readSafetensors(await resolveInRepository(model, folder, file));
    repository.filesRead.add(file);
  } catch (error) {
    if (error instanceof SafetensorsError) throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: error.message });
    const hasPickle = await access(path.join(folder, pickle)).then(
      () => true,
      () => false,
    );
    throw hasPickle ? fail('E_MODEL_UNSAFE_WEIGHTS', { model, file: pickle }) : error;
  }
  return {
    take(name, shape) {
      const tensor = tensors.get(name);
      if (tensor === undefined)
        throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem: `it has no tensor ${name}` });
      if (tensor.shape.join() !== shape.join()) {
        const problem = `${name} has the shape [${tensor.shape.join(', ')}], config.json says [${shape.join(', ')}]`;
        throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem });
      }
      return tensor.data;
    },
  };
}
