// Reads what a repository says about its Transformer module: sentence_bert_config.json (or one of its older names)
// and config.json, the architecture's own settings.
import path from 'node:path';
import { z } from 'zod';
import { fail } from '../errors.js';
import { type RepositoryFolder, readJson, readJsonIfPresent } from './json-file.js';

/** In the order in which sentence-transformers looks for them. */
const SENTENCE_CONFIG_FILES = [
  'sentence_bert_config.json',
  'sentence_roberta_config.json',
  'sentence_distilbert_config.json',
  'sentence_camembert_config.json',
  'sentence_albert_config.json',
  'sentence_xlm-roberta_config.json',
  'sentence_xlnet_config.json',
] as const;

/** Their position ids start at pad id + 1, so two rows of the position table hold no token. */
const POSITIONS_AFTER_PADDING = new Set(['roberta', 'xlm-roberta', 'xlm-roberta-xl', 'camembert', 'mpnet']);

const SUPPORTED_TASK = 'feature-extraction';
const TOKEN_OUTPUT = 'last_hidden_state';

const sentenceConfigSchema = z.object({
  max_seq_length: z.int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
  transformer_task: z.string().nullish(),
  modality_config: z.record(z.string(), z.unknown()).nullish(),
  module_output_name: z.string().nullish(),
  query_expansion: z.unknown().optional(),
  processing_kwargs: z.record(z.string(), z.unknown()).nullish(),
  tokenizer_args: z.record(z.string(), z.unknown()).nullish(),
  processor_kwargs: z.record(z.string(), z.unknown()).nullish(),
});
const textModalitySchema = z.object({ method: z.literal('forward'), method_output_name: z.literal(TOKEN_OUTPUT) });

const architectureSchema = z.object({
  model_type: z.string().min(1),
  max_position_embeddings: z.int().nullish(),
  hidden_size: z.int().positive().nullish(),
  dim: z.int().positive().nullish(),
  pad_token_id: z.int().nonnegative().nullish(),
});

export interface TransformerConfig {
  readonly architecture: string;
  /** Most tokens of one text that the position table holds; null where there is none. */
  readonly positions: number | null;
  /** Position ids start at pad id + 1. */
  readonly positionsAfterPadding: boolean;
  /** Floats a token; null where config.json does not say. */
  readonly hiddenSize: number | null;
  readonly padTokenId: number | null;
  /** The repository's own limit, with the file that states it. */
  readonly maxSeqLength: { readonly value: number; readonly file: string } | null;
  readonly lowercase: boolean;
}

/**
 * @param modulePath the Transformer module's folder; '' is the repository itself
 * @throws E_MODEL_FILE_MISSING, E_MODEL_FILE_CORRUPT, E_MODEL_UNSUPPORTED
 */
export async function readTransformerConfig(
  repository: RepositoryFolder,
  modulePath: string,
): Promise<TransformerConfig> {
  const sentence = await readSentenceConfig(repository, modulePath);
  if (sentence !== null) refuseOtherTasks(repository, sentence.config);
  const architecture = await readJson(repository, path.posix.join(modulePath, 'config.json'), architectureSchema);
  const positionsAfterPadding = POSITIONS_AFTER_PADDING.has(architecture.model_type);
  const rows = architecture.max_position_embeddings ?? -1;
  const maxSeqLength = sentence?.config.max_seq_length ?? null;
  return {
    architecture: architecture.model_type,
    // XLNet writes -1 for "any".
    positions: rows < 1 ? null : rows - (positionsAfterPadding ? 2 : 0),
    positionsAfterPadding,
    hiddenSize: architecture.hidden_size ?? architecture.dim ?? null,
    padTokenId: architecture.pad_token_id ?? null,
    maxSeqLength: sentence === null || maxSeqLength === null ? null : { value: maxSeqLength, file: sentence.file },
    lowercase: sentence?.config.do_lower_case ?? false,
  };
}

type SentenceConfig = z.output<typeof sentenceConfigSchema>;

async function readSentenceConfig(repository: RepositoryFolder, modulePath: string) {
  for (const name of SENTENCE_CONFIG_FILES) {
    const file = path.posix.join(modulePath, name);
    const config = await readJsonIfPresent(repository, file, sentenceConfigSchema);
    if (config !== null) return { file, config };
  }
  return null;
}

/** Everything that would change the tokens or the output, and is not computed here. */
function refuseOtherTasks({ model }: RepositoryFolder, config: SentenceConfig): void {
  const task = config.transformer_task ?? SUPPORTED_TASK;
  if (task !== SUPPORTED_TASK) throw fail('E_MODEL_UNSUPPORTED', { model, what: `its transformer_task is "${task}"` });
  const text = config.modality_config?.['text'];
  if (config.modality_config && !textModalitySchema.safeParse(text).success) {
    const what = `its modality_config reads text as ${JSON.stringify(text)}, not by a plain forward to ${TOKEN_OUTPUT}`;
    throw fail('E_MODEL_UNSUPPORTED', { model, what });
  }
  if (config.query_expansion) throw fail('E_MODEL_UNSUPPORTED', { model, what: 'it expands queries' });
  for (const field of ['processing_kwargs', 'tokenizer_args', 'processor_kwargs'] as const) {
    const names = Object.keys(config[field] ?? {}).filter((name) => name !== 'trust_remote_code');
    if (names.length > 0) {
      throw fail('E_MODEL_UNSUPPORTED', { model, what: `its ${field} set ${names.join(', ')} of the tokenizer` });
    }
  }
}
