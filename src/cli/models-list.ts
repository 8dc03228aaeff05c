// `embedq models list`: the configured models and where they are found, without running any of them.
import type { ArgsDef } from 'citty';
import { type Config, readConfig } from '../config.js';
import type { ModelEntry } from '../contracts/model.js';
import { toEmbedqError } from '../errors.js';
import { defineEmbedqCommand, EXIT_FAILURE, EXIT_OK } from './command.js';
import { fitToWidth } from './display-width.js';
import { readFiles } from './models-show.js';
import { stdoutOutput } from './output.js';
import { type Paint, paintFor } from './paint.js';

const ARGUMENTS = {
  json: { type: 'boolean', description: 'The result as one JSON array on stdout, errors as JSON on stderr.' },
} satisfies ArgsDef;

interface ListedModel {
  readonly alias: string;
  readonly model_id: string;
  readonly dim: number;
  readonly max_seq: number;
  readonly variant: string | null;
  readonly source: string | null;
  readonly fingerprint: string | null;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

export const modelsListCommand = defineEmbedqCommand({
  meta: {
    name: 'list',
    description: 'List the models of EMB_MODELS and where they are found. Reads their files, runs none of them.',
  },
  args: ARGUMENTS,
  examples: [{ command: 'embedq models list' }, { command: 'embedq models list --json' }],
  notes: ['Exit code 1 where a model is missing or cannot be read.'],
  async run({ args }) {
    const config = readConfig();
    const models: ListedModel[] = [];
    for (const entry of config.models) models.push(await look(entry, config));
    await stdoutOutput().write(
      args.json === true ? `${JSON.stringify(models, null, 2)}\n` : asTable(models, paintFor(process.stdout)),
    );
    return models.some(({ problem }) => problem !== null) ? EXIT_FAILURE : EXIT_OK;
  },
});

async function look(entry: ModelEntry, config: Config): Promise<ListedModel> {
  const variant = config.modelVariants[entry.alias] ?? null;
  const listed = { alias: entry.alias, model_id: entry.modelId, dim: entry.dim, max_seq: entry.maxSeq };
  try {
    const { info } = await readFiles({ model: entry, variant, promptName: null }, config);
    return { ...listed, variant: info.variant, source: info.source, fingerprint: info.fingerprint, problem: null };
  } catch (thrown) {
    const { code, message } = toEmbedqError(thrown);
    return { ...listed, variant, source: null, fingerprint: null, problem: { code, message } };
  }
}

function asTable(models: readonly ListedModel[], paint: Paint): string {
  const width = Math.max(5, ...models.map(({ alias }) => alias.length));
  const idWidth = Math.max(8, ...models.map(({ model_id }) => model_id.length));
  const line = (alias: string, id: string, dim: string, maxSeq: string, rest: string) =>
    `${fitToWidth(alias, width)}  ${fitToWidth(id, idWidth)}  ${dim.padStart(5)}  ${maxSeq.padStart(7)}  ${rest}\n`;
  const rows = models.map(({ alias, model_id, dim, max_seq, variant, source, fingerprint, problem }) => {
    const rest =
      problem === null
        ? `${(source ?? '').padEnd(8)} ${fingerprint}  ${variant}`
        : paint('red', `${problem.code}: ${problem.message}`);
    return line(alias, model_id, String(dim), String(max_seq), rest);
  });
  const head = line('alias', 'model id', 'dim', 'max_seq', 'found    fingerprint       variant');
  return `${paint('bold', head.trimEnd())}\n${rows.join('')}`;
}
