// Decides how a graph is fed and which output is read, from what the ONNX file declares; checks that the files with
// its weights are there and whole.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { EmbedqError, fail } from '../errors.js';
import type { GraphDescription } from './description.js';
import type { RepositoryFolder } from './json-file.js';
import { ONNX_FLOAT32, type OnnxHeader, OnnxHeaderError, type OnnxValue, readOnnxHeader } from './onnx-header.js';
import { resolveInRepository } from './repository-path.js';
import type { TransformerConfig } from './transformer-config.js';

/** Tried before any other output of rank 3. */
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings'];
const SENTENCE_OUTPUT = 'sentence_embedding';

type GraphInput = GraphDescription['inputs'][number];
const INPUTS: readonly GraphInput[] = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];

/** TensorProto.DataType names, for messages. */
const INT64 = 7;

export interface GraphFiles {
  readonly graph: GraphDescription;
  /** Paths in the repository. */
  readonly externalDataFiles: readonly string[];
}

/**
 * @param weightsFile path of the ONNX file in the repository
 * @throws E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT, E_MODEL_UNSUPPORTED
 */
export async function readGraph(
  repository: RepositoryFolder,
  weightsFile: string,
  transformer: TransformerConfig,
): Promise<GraphFiles> {
  const file = await resolveWeightsFile(repository, weightsFile);
  const header = readHeader(repository, file, weightsFile);
  const externalDataFiles = await checkExternalData(repository, weightsFile, header);
  const inputs = header.inputs.map((input) => checkInput(repository, input, transformer));
  if (!inputs.includes('input_ids')) throw unsupported(repository, `${weightsFile} has no input input_ids`);
  const output = chooseOutput(repository, weightsFile, header.outputs);
  const width = output.value.shape?.at(-1);
  return {
    graph: {
      file,
      inputs,
      output: output.value.name,
      outputKind: output.kind,
      width: typeof width === 'number' ? width : hiddenSize(repository, weightsFile, transformer),
    },
    externalDataFiles,
  };
}

async function resolveWeightsFile({ model, folder }: RepositoryFolder, weightsFile: string): Promise<string> {
  try {
    return await resolveInRepository(model, folder, weightsFile);
  } catch (error) {
    if (!(error instanceof EmbedqError) || error.code !== 'E_MODEL_FILE_MISSING') throw error;
    const present = await listGraphs(folder);
    const problem = present.length === 0 ? 'it has no .onnx file' : `it has ${present.join(', ')}`;
    throw fail('E_MODEL_FILE_MISSING', { model, file: weightsFile, problem }, { cause: error });
  }
}

/** The ONNX files where repositories keep them: in onnx/ and beside config.json. */
async function listGraphs(folder: string): Promise<string[]> {
  const found = await Promise.all(
    ['onnx', '.'].map(async (place) => {
      const names = await readdir(path.join(folder, place)).catch(() => []);
      return names.filter((name) => name.endsWith('.onnx')).map((name) => path.posix.join(place, name));
    }),
  );
  return found.flat().sort();
}

function readHeader({ model }: RepositoryFolder, file: string, weightsFile: string): OnnxHeader {
  try {
    return readOnnxHeader(file);
  } catch (error) {
    if (!(error instanceof OnnxHeaderError)) throw error;
    throw fail('E_MODEL_FILE_CORRUPT', { model, file: weightsFile, problem: error.message }, { cause: error });
  }
}

async function checkExternalData(repository: RepositoryFolder, weightsFile: string, header: OnnxHeader) {
  const { model, folder } = repository;
  const files: string[] = [];
  for (const { location, endByte } of header.externalData) {
    // The location is relative to the graph; one that climbs out of its folder must not be normalised away.
    if (location.split(/[\\/]/).includes('..') || path.isAbsolute(location)) {
      throw unsupported(
        repository,
        `${weightsFile} keeps weights in "${location}", outside of the repository's folder`,
      );
    }
    const file = path.posix.join(path.posix.dirname(weightsFile), location);
    const { size } = await stat(await resolveInRepository(model, folder, file));
    if (size < endByte) {
      const problem = `it has ${size} bytes, ${weightsFile} needs ${endByte}: it is cut off`;
      throw fail('E_MODEL_FILE_CORRUPT', { model, file, problem });
    }
    files.push(file);
  }
  return files;
}

function checkInput(repository: RepositoryFolder, input: OnnxValue, transformer: TransformerConfig): GraphInput {
  const known = INPUTS.find((name) => name === input.name);
  if (known === undefined) {
    throw unsupported(repository, `its graph wants the input ${input.name}; known are ${INPUTS.join(', ')}`);
  }
  if (input.elementType !== INT64) {
    throw unsupported(repository, `its graph wants ${input.name} as ONNX type ${input.elementType}, not as int64 (7)`);
  }
  if (known === 'position_ids' && transformer.positionsAfterPadding) {
    throw unsupported(
      repository,
      `its graph wants position_ids, which ${transformer.architecture} counts from its padding`,
    );
  }
  return known;
}

function chooseOutput(repository: RepositoryFolder, weightsFile: string, outputs: readonly OnnxValue[]) {
  const tokens = outputs.filter((output) => output.shape?.length === 3);
  const value =
    TOKEN_OUTPUTS.map((name) => tokens.find((output) => output.name === name)).find((output) => output) ?? tokens[0];
  const sentence = outputs.find((output) => output.name === SENTENCE_OUTPUT && output.shape?.length === 2);
  const chosen = value
    ? ({ value, kind: 'tokens' } as const)
    : sentence && ({ value: sentence, kind: 'sentence' } as const);
  if (chosen === undefined) {
    const names = outputs.map((output) => `${output.name} (rank ${output.shape?.length ?? 'unknown'})`).join(', ');
    throw unsupported(
      repository,
      `${weightsFile} has neither an output of rank 3 nor ${SENTENCE_OUTPUT}; it has ${names}`,
    );
  }
  if (chosen.value.elementType !== ONNX_FLOAT32) {
    const { name, elementType } = chosen.value;
    throw unsupported(repository, `${weightsFile} gives ${name} as ONNX type ${elementType}, not as float32 (1)`);
  }
  return chosen;
}

function hiddenSize(
  repository: RepositoryFolder,
  weightsFile: string,
  { hiddenSize: size }: TransformerConfig,
): number {
  if (size === null)
    throw unsupported(repository, `neither ${weightsFile} nor config.json says how wide its output is`);
  return size;
}

function unsupported({ model }: RepositoryFolder, what: string) {
  return fail('E_MODEL_UNSUPPORTED', { model, what });
}
