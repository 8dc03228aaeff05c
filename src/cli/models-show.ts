// `embedq models show`: everything about one model: where it was found, what it is made of, which vectors it makes,
// and whether it can be served as it is.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ArgsDef, ParsedArgs } from 'citty';
import { type Config, readConfig } from '../config.js';
import type { Embedder } from '../contracts/embedder.js';
import type { EmbedqError } from '../errors.js';
import { toEmbedqError } from '../errors.js';
import type { LoadedModel } from '../worker/load-model.js';
import { type CommandEnvironment, defineEmbedqCommand, EXIT_FAILURE, EXIT_OK } from './command.js';
import { describeModel, type ModelReport, modelReportJson, type ProbeVerdict } from './model-report.js';
import { type ChosenModel, chooseModel, MODEL_ARGUMENTS, openEmbedder } from './open-embedder.js';
import { stdoutOutput } from './output.js';
import { paintFor } from './paint.js';

const ARGUMENTS = {
  model: {
    type: 'positional',
    required: false,
    description: 'An alias of EMB_MODELS, or the folder of a model repository. Default: the first alias.',
  },
  variant: MODEL_ARGUMENTS.variant,
  'max-seq': MODEL_ARGUMENTS['max-seq'],
  probe: {
    type: 'boolean',
    default: true,
    description: 'Run the model.',
    negativeDescription: 'Read the files only. Default: run the model too, to see whether its vectors are right.',
  },
  json: { type: 'boolean', description: 'The result as one JSON object on stdout, errors as JSON on stderr.' },
} satisfies ArgsDef;

export const modelsShowCommand = defineEmbedqCommand({
  meta: {
    name: 'show',
    description:
      'Say everything about one model: where it was found and why, its files, fingerprint, chain, prompts, and whether its vectors are right and independent of their batch.',
  },
  args: ARGUMENTS,
  examples: [
    { command: 'embedq models show minilm' },
    { command: 'embedq models show ./my-model --variant onnx/model_O3.onnx' },
    { command: 'embedq models show minilm --no-probe --json' },
  ],
  notes: ['Exit code 1 where the model could not be served as it is; the reason stands under its facts.'],
  run: ({ args }, environment) => runShow(args, environment),
});

async function runShow(args: ParsedArgs<typeof ARGUMENTS>, { interruption }: CommandEnvironment): Promise<number> {
  const config = readConfig();
  // A prompt in the name (minilm:query) is no mistake, it just plays no part here.
  const chosen = await chooseModel(args, 'rt', config);
  const loaded = await readFiles(chosen, config);
  const probe = args.probe ? await runProbes(chosen, interruption.signal) : null;
  const report: ModelReport = { loaded, files: await listFiles(loaded), graphs: await listGraphs(loaded), probe };
  const text =
    args.json === true
      ? `${JSON.stringify(modelReportJson(report), null, 2)}\n`
      : describeModel(report, paintFor(process.stdout));
  await stdoutOutput().write(text);
  return probe?.problem ? EXIT_FAILURE : EXIT_OK;
}

export async function readFiles({ model, variant }: ChosenModel, config: Config): Promise<LoadedModel> {
  const [{ BUNDLED_MODELS_DIR }, { loadModel }, { SILENT }] = await Promise.all([
    import('../start/embedder.js'),
    import('../worker/load-model.js'),
    import('../contracts/log.js'),
  ]);
  const places = {
    bundledDir: BUNDLED_MODELS_DIR,
    cacheDir: config.modelsCacheDir,
    localDir: config.useLocalModels ? config.localModelsDir : null,
  };
  return 'folder' in model
    ? loadModel(
        {
          kind: 'folder',
          alias: path.basename(model.folder),
          folder: model.folder,
          variant,
          maxSeq: model.maxSeq ?? null,
        },
        places,
        SILENT,
      )
    : loadModel({ kind: 'entry', entry: model, variant }, places, SILENT);
}

/** What running the model says. A model that is refused is a finding here, not a failure of this command. */
async function runProbes(chosen: ChosenModel, signal: AbortSignal): Promise<ProbeVerdict> {
  let embedder: Embedder;
  try {
    embedder = await openEmbedder(chosen, 'rt', signal);
  } catch (thrown) {
    const problem: EmbedqError = toEmbedqError(thrown);
    if (problem.code === 'E_CANCELLED') throw problem;
    return { problem, info: null };
  }
  const [info] = embedder.models;
  await embedder.close();
  return { problem: null, info: info ?? null };
}

/** The files that decide a vector, and the manifest, with their sizes. */
async function listFiles({ description, manifest }: LoadedModel): Promise<ModelReport['files']> {
  const { folder, weightsFile, externalDataFiles, tokenizer } = description;
  const names = [weightsFile, ...externalDataFiles, path.relative(folder, tokenizer.file)];
  if (manifest !== null) names.push('manifest.json');
  return Promise.all(names.map(async (name) => ({ name, bytes: (await stat(path.join(folder, name))).size })));
}

/** Every weights file that --variant can name. */
async function listGraphs({ description }: LoadedModel): Promise<readonly string[]> {
  const entries = await readdir(description.folder, { recursive: true });
  return entries.filter((name) => name.endsWith('.onnx')).sort();
}
